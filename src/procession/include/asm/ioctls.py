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
    TCGETA = 0x5405
    TCSETA = 0x5406
    TCSETAW = 0x5407
    TCSETAF = 0x5408
    TCSBRK = 0x5409
    TCXONC = 0x540A
    TCFLSH = 0x540B
    TIOCEXCL = 0x540C
    TIOCNXCL = 0x540D
    TIOCSCTTY = 0x540E
    TIOCGPGRP = 0x540F
    TIOCSPGRP = 0x5410
    TIOCOUTQ = 0x5411
    TIOCSTI = 0x5412
    TIOCGWINSZ = 0x5413
    TIOCSWINSZ = 0x5414
    TIOCMGET = 0x5415
    TIOCMBIS = 0x5416
    TIOCMBIC = 0x5417
    TIOCMSET = 0x5418
    TIOCGSOFTCAR = 0x5419
    TIOCSSOFTCAR = 0x541A
    FIONREAD = 0x541B
    TIOCCONS = 0x541D
    TIOCPKT = 0x5420
    FIONBIO = 0x5421
    TIOCNOTTY = 0x5422
    TIOCSETD = 0x5423
    TIOCGETD = 0x5424
    TCSBRKP = 0x5425
    TIOCSBRK = 0x5427
    TIOCCBRK = 0x5428
    TIOCGSID = 0x5429
    TCGETS2 = 0x802C542A
    TCSETS2 = 0x402C542B
    TCSETSW2 = 0x402C542C
    TCSETSF2 = 0x402C542D
    TIOCGPTN = 0x80045430
    TIOCSPTLCK = 0x40045431
    TIOCGDEV = 0x80045432
    TIOCSIG = 0x40045436
    TIOCVHANGUP = 0x5437
    FIONCLEX = 0x5450
    FIOCLEX = 0x5451
    FIOASYNC = 0x5452
    TIOCGLCKTRMIOS = 0x5456
    TIOCSLCKTRMIOS = 0x5457
    FIOQSIZE = 0x5460


IoctlCmd = Annotated[int, Arg("ioctl", 32, values=Ioctl, refused=(Ioctl.FIOASYNC, Ioctl.TIOCCONS))]
IoctlArg = Annotated[UserPtr, Arg("ioctl_arg", out=True)]
