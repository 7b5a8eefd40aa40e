"""Numbers of ioctl(2) (asm-generic/ioctls.h, linux/fs.h)."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated

from procession.include.linux.types import Arg, UserPtr

__all__ = ("Ioctl", "IoctlArg", "IoctlCmd")


class Ioctl(IntEnum):
    """Those with a name for strace; which of them a file understands is the file's business."""

    FIBMAP = 1
    FIGETBSZ = 2
    TCGETS = 0x5401
    TCSETS = 0x5402
    TCSETSW = 0x5403
    TCSETSF = 0x5404
    TCSBRK = 0x5409
    TCXONC = 0x540A
    TCFLSH = 0x540B
    TIOCSCTTY = 0x540E
    TIOCGPGRP = 0x540F
    TIOCSPGRP = 0x5410
    TIOCOUTQ = 0x5411
    TIOCGWINSZ = 0x5413
    TIOCSWINSZ = 0x5414
    FIONREAD = 0x541B
    FIONBIO = 0x5421
    TIOCNOTTY = 0x5422
    TIOCGSID = 0x5429
    FIONCLEX = 0x5450
    FIOCLEX = 0x5451
    FIOASYNC = 0x5452
    FIOQSIZE = 0x5460


IoctlCmd = Annotated[
    int,
    Arg("ioctl", 32, values=Ioctl, refused=(Ioctl.FIOASYNC,),
        accepts=(Ioctl.FIBMAP, Ioctl.FIGETBSZ, Ioctl.TCGETS, Ioctl.TIOCGWINSZ, Ioctl.TIOCOUTQ, Ioctl.FIONREAD,
                 Ioctl.FIONBIO, Ioctl.FIONCLEX, Ioctl.FIOCLEX, Ioctl.FIOQSIZE)),
]
IoctlArg = Annotated[UserPtr, Arg("ioctl_arg", out=True)]
