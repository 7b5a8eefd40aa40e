"""The kernel's log: a ring of bytes, and how a message gets into it (include/linux/printk.h, kernel/printk.c).

Readers are in kernel/printk.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from procession.include.linux.time import NSEC_PER_SEC, NSEC_PER_USEC, USEC_PER_SEC

if TYPE_CHECKING:
    from procession.include.linux.wait import WaitQueueHead

__all__ = (
    "KERN_ALERT",
    "KERN_CONT",
    "KERN_EMERG",
    "KERN_ERR",
    "KERN_INFO",
    "KERN_NOTICE",
    "KERN_WARNING",
    "LEVELS",
    "LOG_BUF_LEN",
    "PLAIN_LEN",
    "LogBuf",
    "RatelimitState",
    "pointer",
)

KERN_EMERG: Final = "<0>"
KERN_ALERT: Final = "<1>"
KERN_ERR: Final = "<3>"
KERN_WARNING: Final = "<4>"
KERN_NOTICE: Final = "<5>"
KERN_INFO: Final = "<6>"
KERN_CONT: Final = "<c>"
LEVELS: Final = frozenset({KERN_EMERG, KERN_ALERT, KERN_ERR, KERN_WARNING, KERN_NOTICE, KERN_INFO})

LOG_BUF_LEN: Final = 1 << 17
_PRINTK_BUF: Final = 1024
PLAIN_LEN: Final = 1000  # of a message that fits with its level and its end


class RatelimitState:
    """struct ratelimit_state, but for interval and burst, which are tunables: times in ns."""

    __slots__ = ("printed", "missed", "begin_ns")  # derived

    def __init__(self) -> None:
        self.printed: int = 0
        self.missed: int = 0
        self.begin_ns: int = -1  # -1: no interval has begun

    def ratelimit(self, now_ns: int, interval_ns: int, burst: int) -> tuple[bool, int]:
        """Return whether one more message may be printed, and how many were suppressed before this interval."""
        if not interval_ns:
            return True, 0
        if self.begin_ns < 0:
            self.begin_ns = now_ns
        suppressed = 0
        if now_ns > self.begin_ns + interval_ns:
            suppressed, self.missed, self.printed, self.begin_ns = self.missed, 0, 0, -1
        if self.printed < burst:
            self.printed += 1
            return True, suppressed
        self.missed += 1
        return False, suppressed


class LogBuf:
    """The ring, and the positions of its readers: numbers of bytes since boot (kernel/printk.c's variables).

    log_buf: the last bytes, up to log_end.  log_start: the first one that syslog(2) has not consumed.
    cleared: the first one that SYSLOG_ACTION_READ_ALL still shows.
    console_printk: console level, level of messages without one, lowest and default console level.
    dmesg_restrict, ratelimit_seconds, ratelimit_burst, printk_delay_msec: tunables.
    saved_console_loglevel: -1 if the console is on.
    wake_up_klogd: called when there is something to read.
    """

    __slots__ = (
        "log_wait",
        "log_buf",
        "log_start",
        "log_end",
        "cleared",
        "new_text_line",
        "console_printk",
        "saved_console_loglevel",
        "dmesg_restrict",
        "ratelimit_seconds",
        "ratelimit_burst",
        "printk_delay_msec",
        "wake_up_klogd",
        "printk_ratelimit_state",
        "warned",
    )  # derived

    log_wait: WaitQueueHead

    def __init__(self) -> None:
        self.log_buf: bytearray = bytearray()
        self.log_start: int = 0
        self.log_end: int = 0
        self.cleared: int = 0
        self.new_text_line: bool = True
        self.console_printk: list[int] = [7, 4, 1, 7]
        self.saved_console_loglevel: int = -1
        self.dmesg_restrict: int = 0
        self.ratelimit_seconds: int = 5
        self.ratelimit_burst: int = 10
        self.printk_delay_msec: int = 0  # that each message takes
        self.wake_up_klogd: Callable[[], None] | None = None
        self.printk_ratelimit_state: RatelimitState = RatelimitState()
        self.warned: set[str] = set()  # what printk_once() has said

    def text_from(self, position: int) -> bytes:
        """Return what is left from that position on."""
        return bytes(self.log_buf[max(position - self.log_end + len(self.log_buf), 0) :])

    def add_line(self, now_ns: int, level: str, text: str) -> None:
        """Add a line of printable ASCII shorter than PLAIN_LEN where a new one begins, as vprintk() would."""
        us = now_ns // NSEC_PER_USEC
        line = f"{level}[{us // USEC_PER_SEC:5d}.{us % USEC_PER_SEC:06d}] {text}\n"
        self._emit(bytearray(line.encode("ascii")))

    def vprintk(self, now_ns: int, text: bytes) -> int:
        """Add a message, of whose bytes 1,023 fit; returns how many went into the log, or were read as a level."""
        text = text.split(b"\0", 1)[0][: _PRINTK_BUF - 1]
        special, plen = _log_prefix(text)
        prefix = b"<%c>" % (ord("0") + self.console_printk[1] & 0xFF)
        rest = text[plen:]
        out = bytearray()
        if plen and special != b"c":
            if not self.new_text_line:
                out += b"\n"
                self.new_text_line = True
            if not special:
                prefix = text[:plen]
        printed = len(text)
        stamp = b"[%5d.%06d] " % (now_ns // NSEC_PER_SEC, now_ns // NSEC_PER_USEC % USEC_PER_SEC)
        for line in _lines(rest):
            if self.new_text_line:
                out += prefix + stamp
                printed += len(prefix) + len(stamp)
            out += line
            self.new_text_line = line.endswith(b"\n")
        self._emit(out)
        return printed

    def _emit(self, out: bytearray) -> None:
        log = self.log_buf
        log += out
        if len(log) > LOG_BUF_LEN:
            del log[: len(log) - LOG_BUF_LEN]
        self.log_end += len(out)
        oldest = self.log_end - len(log)
        self.log_start = max(self.log_start, oldest)
        self.cleared = max(self.cleared, oldest)
        if out and self.wake_up_klogd is not None:
            self.wake_up_klogd()


def _lines(text: bytes) -> list[bytes]:
    """Cut text behind each newline, and only there."""
    parts = text.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _log_prefix(text: bytes) -> tuple[bytes, int]:
    """Return c or d if text begins with that in the place of a level; and how long this prefix is, 0 for none."""
    if text[:1] != b"<":
        return b"", 0
    if text[2:3] == b">":
        what = text[1:2]
        return (what if what in b"cd" else b""), 3 if what in b"cd01234567" else 0
    # More digits, or none at all: level and facility, whatever they are.
    end = text.find(b">", 1)
    what = text[1:end] if end > 0 else b"?"
    return b"", end + 1 if not what or what.isdigit() else 0


def pointer(value: int) -> str:
    """Return an address as %p prints it."""
    return f"{value:016x}" if value else f"{'(null)':>16}"
