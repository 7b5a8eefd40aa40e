"""memfd_create(2) and the seals of its files (include/uapi/linux/memfd.h, fcntl.h of 6.18)."""

from __future__ import annotations

from enum import IntFlag
from typing import Annotated, Final

from procession.include.linux.types import Arg

MFD_CLOEXEC: Final = 0x1
MFD_ALLOW_SEALING: Final = 0x2
MFD_HUGETLB: Final = 0x4
MFD_NOEXEC_SEAL: Final = 0x8
MFD_EXEC: Final = 0x10
MFD_NAME_MAX_LEN: Final = 249  # without the NUL


class Mfd(IntFlag):
    """memfd_create(2)."""

    CLOEXEC = MFD_CLOEXEC
    ALLOW_SEALING = MFD_ALLOW_SEALING
    HUGETLB = MFD_HUGETLB
    NOEXEC_SEAL = MFD_NOEXEC_SEAL
    EXEC = MFD_EXEC


# fcntl(2): commands, and the seals that they set.
F_ADD_SEALS: Final = 1033
F_GET_SEALS: Final = 1034
F_SEAL_SEAL: Final = 0x1
F_SEAL_SHRINK: Final = 0x2
F_SEAL_GROW: Final = 0x4
F_SEAL_WRITE: Final = 0x8
F_SEAL_FUTURE_WRITE: Final = 0x10
F_SEAL_EXEC: Final = 0x20
F_ALL_SEALS: Final = 0x3F


class Seals(IntFlag):
    """F_ADD_SEALS."""

    SEAL = F_SEAL_SEAL
    SHRINK = F_SEAL_SHRINK
    GROW = F_SEAL_GROW
    WRITE = F_SEAL_WRITE
    FUTURE_WRITE = F_SEAL_FUTURE_WRITE
    EXEC = F_SEAL_EXEC


MemfdArg = Annotated[
    int, Arg("int", 32, flags=Mfd, prefix="MFD_", accepts=(MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_NOEXEC_SEAL, MFD_EXEC))
]
