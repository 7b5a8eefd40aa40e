"""getrandom(2) (include/uapi/linux/random.h of 5.6)."""

from __future__ import annotations

from enum import IntFlag
from typing import Annotated, Final

from procession.include.linux.types import Arg, UserPtr

GRND_NONBLOCK: Final = 1
GRND_RANDOM: Final = 2
GRND_INSECURE: Final = 4


class Grnd(IntFlag):
    """getrandom(2)."""

    NONBLOCK = GRND_NONBLOCK
    RANDOM = GRND_RANDOM
    INSECURE = GRND_INSECURE


GetrandomArg = Annotated[int, Arg("int", 32, flags=Grnd, prefix="GRND_")]
RandomBuf = Annotated[UserPtr, Arg("random_buf", out=True)]
