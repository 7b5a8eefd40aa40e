"""The clock's discipline (include/linux/timex.h)."""

from __future__ import annotations

from typing import Annotated, Final

from procession.include.linux.types import Arg, UserPtr

# adjtimex(2): what is to be set.
ADJ_OFFSET: Final = 0x0001
ADJ_FREQUENCY: Final = 0x0002
ADJ_MAXERROR: Final = 0x0004
ADJ_ESTERROR: Final = 0x0008
ADJ_STATUS: Final = 0x0010
ADJ_TIMECONST: Final = 0x0020
ADJ_TAI: Final = 0x0080
ADJ_SETOFFSET: Final = 0x0100
ADJ_MICRO: Final = 0x1000
ADJ_NANO: Final = 0x2000
ADJ_TICK: Final = 0x4000
# adjtime(3)'s: with ADJ_OFFSET, and with ADJ_NANO only to look.
ADJ_ADJTIME: Final = 0x8000

STA_PLL: Final = 0x0001
STA_FLL: Final = 0x0008
STA_INS: Final = 0x0010
STA_DEL: Final = 0x0020
STA_UNSYNC: Final = 0x0040
STA_FREQHOLD: Final = 0x0080
STA_CLOCKERR: Final = 0x1000
STA_NANO: Final = 0x2000
STA_MODE: Final = 0x4000
STA_RONLY: Final = 0xFF00  # what programs cannot set

# What adjtimex(2) returns.
TIME_OK: Final = 0
TIME_INS: Final = 1
TIME_DEL: Final = 2
TIME_ERROR: Final = 5

MAXPHASE: Final = 500_000_000  # ns
MAXFREQ: Final = 500_000  # ns a second
MAXTC: Final = 10
SHIFT_PLL: Final = 2
SHIFT_FLL: Final = 2
MINSEC: Final = 256  # s between two offsets
MAXSEC: Final = 2048
NTP_SCALE_SHIFT: Final = 32

TimexPtr = Annotated[UserPtr, Arg("struct timex", out=True)]


class NtpState:
    """What kernel/ntp.py keeps. offset: ns, scaled and for one tick; freq: ns a second, scaled."""

    __slots__ = (
        "time_state",
        "time_status",
        "time_offset",
        "time_freq",
        "time_adjust",
        "time_maxerror",
        "time_esterror",
        "time_constant",
        "time_reftime",
        "time_tai",
        "tick_usec",
    )  # derived

    def __init__(self) -> None:
        self.time_state: int = TIME_OK
        self.time_status: int = STA_UNSYNC
        self.time_offset: int = 0
        self.time_freq: int = 0
        self.time_adjust: int = 0  # us
        self.time_maxerror: int = 16_000_000  # us
        self.time_esterror: int = 16_000_000
        self.time_constant: int = 2
        self.time_reftime: int = 0  # s since 1970
        self.time_tai: int = 0
        self.tick_usec: int = 10_000
