"""The clock's discipline, as NTP sets and asks for it (kernel/time/ntp.c).

Differs: the clock is as exact as it can be, and goes on as it does whatever is set; an offset is never worked off, an
error does not grow, and there are no leap seconds.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.time import HZ, NSEC_PER_SEC, NSEC_PER_USEC, USEC_PER_SEC, USER_HZ
from procession.include.linux.timex import (
    ADJ_ADJTIME,
    ADJ_ESTERROR,
    ADJ_FREQUENCY,
    ADJ_MAXERROR,
    ADJ_MICRO,
    ADJ_NANO,
    ADJ_OFFSET,
    ADJ_SETOFFSET,
    ADJ_STATUS,
    ADJ_TAI,
    ADJ_TICK,
    ADJ_TIMECONST,
    MAXFREQ,
    MAXPHASE,
    MAXSEC,
    MAXTC,
    MINSEC,
    NTP_SCALE_SHIFT,
    SHIFT_FLL,
    SHIFT_PLL,
    STA_CLOCKERR,
    STA_DEL,
    STA_FLL,
    STA_FREQHOLD,
    STA_INS,
    STA_MODE,
    STA_NANO,
    STA_PLL,
    STA_RONLY,
    STA_UNSYNC,
    TIME_DEL,
    TIME_ERROR,
    TIME_INS,
    TIME_OK,
)

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.timex import NtpState

__all__ = ("TIMEX_SIZE", "Timex", "check_adjtimex", "check_tick", "do_adjtimex", "ntp_clear")

TIMEX_SIZE: Final = 208
NTP_PHASE_LIMIT: Final = 16_000_000  # us
_PPM_SCALE: Final = NSEC_PER_USEC << 16
_PPM_SCALE_INV_SHIFT: Final = 19
_PPM_SCALE_INV: Final = (1 << 51) // _PPM_SCALE + 1
_MAXFREQ_SCALED: Final = MAXFREQ << NTP_SCALE_SHIFT
_TOLERANCE: Final = _MAXFREQ_SCALED // _PPM_SCALE
TIMEX: Final = struct.Struct("<I4xqqqqi4xqqqqqqqqi4xqqqqqi44x")
# What of the structure nobody writes: padding, and what is reserved behind it.
_HOLES: Final = ((4, 8), (44, 48), (116, 120), (164, TIMEX_SIZE))


class Timex:
    """The fields of struct timex that are read or written. data: all of it, as it came."""

    __slots__ = ("constant", "data", "esterror", "freq", "maxerror", "modes", "offset", "sec", "status", "tick", "usec")

    def __init__(self, data: bytes) -> None:
        self.data = data
        fields = TIMEX.unpack(data)
        self.modes, self.offset, self.freq, self.maxerror, self.esterror, self.status, self.constant = fields[:7]
        self.sec, self.usec, self.tick = fields[9:12]


def ntp_clear(k: Kernel) -> None:
    """The time was set: what was being worked off is void."""
    ntp = k.timers.ntp
    ntp.time_adjust = 0
    ntp.time_status |= STA_UNSYNC
    ntp.time_maxerror = ntp.time_esterror = NTP_PHASE_LIMIT
    ntp.time_offset = 0


def _to_s64(value: int) -> int:
    """Return what is left of value in a long."""
    return (value + (1 << 63) & ULONG_MAX) - (1 << 63)


def _quotient(value: int, divisor: int) -> int:
    """Divide as C does."""
    return -(-value // divisor) if value < 0 else value // divisor


def _shift_right(value: int, bits: int) -> int:
    """Shift towards zero."""
    return -(-value >> bits) if value < 0 else value >> bits


def ntp_update_offset_fll(ntp: NtpState, offset: int, secs: int) -> int:
    """Return what an offset says of the frequency if it is long ago that there was one."""
    ntp.time_status &= ~STA_MODE
    if secs < MINSEC or (not ntp.time_status & STA_FLL and secs <= MAXSEC):
        return 0
    ntp.time_status |= STA_MODE
    return _quotient(offset << (NTP_SCALE_SHIFT - SHIFT_FLL), secs)


def ntp_update_offset(ntp: NtpState, offset: int, now_sec: int) -> None:
    """Note by how much the clock is off, if it is to be followed, and what that says of its frequency."""
    if not ntp.time_status & STA_PLL:
        return
    if not ntp.time_status & STA_NANO:
        offset = _to_s64(offset * NSEC_PER_USEC)
    offset = max(min(offset, MAXPHASE), -MAXPHASE)
    secs = 0 if ntp.time_status & STA_FREQHOLD else now_sec - ntp.time_reftime
    ntp.time_reftime = now_sec
    freq_adj = (offset * secs) << (NTP_SCALE_SHIFT - 2 * (SHIFT_PLL + 2 + ntp.time_constant))
    freq_adj += ntp_update_offset_fll(ntp, offset, secs)
    ntp.time_freq = max(min(freq_adj + ntp.time_freq, _MAXFREQ_SCALED), -_MAXFREQ_SCALED)
    ntp.time_offset = _quotient(offset << NTP_SCALE_SHIFT, HZ)


def process_adj_status(ntp: NtpState, status: int, now_sec: int) -> None:
    """Set the bits of the status that programs may."""
    if ntp.time_status & STA_PLL and not status & STA_PLL:
        ntp.time_state = TIME_OK
        ntp.time_status = STA_UNSYNC
    if not ntp.time_status & STA_PLL and status & STA_PLL:
        ntp.time_reftime = now_sec
    ntp.time_status = ntp.time_status & STA_RONLY | status & ~STA_RONLY
    ntp.time_state = TIME_OK
    if ntp.time_status & STA_INS:
        ntp.time_state = TIME_INS
    elif ntp.time_status & STA_DEL:
        ntp.time_state = TIME_DEL


def process_adjtimex_modes(ntp: NtpState, txc: Timex, now_sec: int) -> None:
    """Set what modes say."""
    modes = txc.modes
    if modes & ADJ_STATUS:
        process_adj_status(ntp, txc.status, now_sec)
    if modes & ADJ_NANO:
        ntp.time_status |= STA_NANO
    if modes & ADJ_MICRO:
        ntp.time_status &= ~STA_NANO
    if modes & ADJ_FREQUENCY:
        ntp.time_freq = max(min(_to_s64(txc.freq * _PPM_SCALE), _MAXFREQ_SCALED), -_MAXFREQ_SCALED)
    if modes & ADJ_MAXERROR:
        ntp.time_maxerror = txc.maxerror
    if modes & ADJ_ESTERROR:
        ntp.time_esterror = txc.esterror
    if modes & ADJ_TIMECONST:
        constant = txc.constant if ntp.time_status & STA_NANO else _to_s64(txc.constant + 4)
        ntp.time_constant = max(min(constant, MAXTC), 0)
    if modes & ADJ_TAI and txc.constant > 0:
        ntp.time_tai = (txc.constant + 0x80000000 & 0xFFFFFFFF) - 0x80000000
    if modes & ADJ_OFFSET:
        ntp_update_offset(ntp, txc.offset, now_sec)
    if modes & ADJ_TICK:
        ntp.tick_usec = txc.tick


def check_adjtimex(txc: Timex) -> bool:
    """Return whether CAP_SYS_TIME is needed; raises EINVAL for modes that do not go together."""
    modes = txc.modes
    if modes & ADJ_ADJTIME:
        if not modes & ADJ_OFFSET:
            raise LinuxError(Errno.EINVAL, "adjtimex: modes")
        return not modes & ADJ_NANO or bool(modes & ADJ_SETOFFSET)
    return bool(modes)


def check_tick(txc: Timex) -> None:
    """Raise EINVAL if the clock would be a tenth off."""
    modes = txc.modes
    if modes & ADJ_TICK and not modes & ADJ_ADJTIME and not 900_000 // USER_HZ <= txc.tick <= 1_100_000 // USER_HZ:
        raise LinuxError(Errno.EINVAL, "adjtimex: tick")


def do_adjtimex(k: Kernel, txc: Timex, now_ns: int) -> tuple[int, bytes]:
    """Set what a struct timex asks for; returns the clock's state and the structure as it is then.

    now_ns: CLOCK_REALTIME.
    """
    ntp = k.timers.ntp
    if txc.modes & ADJ_ADJTIME:
        offset = ntp.time_adjust
        if not txc.modes & ADJ_NANO:
            ntp.time_adjust = txc.offset
    else:
        process_adjtimex_modes(ntp, txc, now_ns // NSEC_PER_SEC)
        offset = _shift_right(ntp.time_offset * HZ, NTP_SCALE_SHIFT)
        if not ntp.time_status & STA_NANO:
            offset = _quotient(offset, NSEC_PER_USEC)
    state = TIME_ERROR if ntp.time_status & (STA_UNSYNC | STA_CLOCKERR) else ntp.time_state
    return state, _result(ntp, txc.modes, offset, now_ns, txc.data)


def _result(ntp: NtpState, modes: int, offset: int, now_ns: int, data: bytes) -> bytes:
    scaled = (ntp.time_freq >> _PPM_SCALE_INV_SHIFT) * _PPM_SCALE_INV
    freq = _shift_right(scaled, NTP_SCALE_SHIFT)
    sec, fraction = divmod(now_ns, NSEC_PER_SEC)
    if not ntp.time_status & STA_NANO:
        fraction = fraction * USEC_PER_SEC // NSEC_PER_SEC
    out = bytearray(
        TIMEX.pack(
            modes,
            offset,
            freq,
            ntp.time_maxerror,
            ntp.time_esterror,
            (ntp.time_status + 0x80000000 & 0xFFFFFFFF) - 0x80000000,
            ntp.time_constant,
            1,
            _TOLERANCE,
            _to_s64(sec),
            fraction,
            ntp.tick_usec,
            *[0] * 8,
            ntp.time_tai,
        )
    )
    for start, end in _HOLES:
        out[start:end] = data[start:end]
    return bytes(out)
