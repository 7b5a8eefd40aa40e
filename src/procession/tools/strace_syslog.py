"""How strace prints syslog(2): the action says which of the other arguments there are."""

from __future__ import annotations

from typing import Final

from procession.include.linux.syslog import (
    SYSLOG_ACTION_CONSOLE_LEVEL,
    SYSLOG_ACTION_READ,
    SYSLOG_ACTION_READ_ALL,
    SYSLOG_ACTION_READ_CLEAR,
    SyslogAction,
)
from procession.tools.strace_args import pointer
from procession.tools.strace_structs import Printer, Shown

__all__ = ("SYSLOG_PRINTERS",)

_READS: Final = (SYSLOG_ACTION_READ, SYSLOG_ACTION_READ_ALL, SYSLOG_ACTION_READ_CLEAR)
_LOGLEVELS: Final = ("EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG")


def _has_buffer(action: int) -> bool:
    return action in _READS or action == SYSLOG_ACTION_CONSOLE_LEVEL or action not in SyslogAction.__members__.values()


def _type(shown: Shown, at: int) -> str:
    action = shown.args[at]
    known = action in SyslogAction.__members__.values()
    return f"{action} /* SYSLOG_ACTION_{SyslogAction(action).name if known else '???'} */"


def _buf(shown: Shown, at: int) -> str | None:
    action, address = shown.args[at - 1], shown.args[at]
    if not _has_buffer(action):
        return None
    if shown.failed or action not in _READS:
        return pointer(address)
    return shown.data(address, shown.ret or 0)


def _len(shown: Shown, at: int) -> str | None:
    action, length = shown.args[at - 2], shown.args[at]
    if not _has_buffer(action):
        return None
    if action != SYSLOG_ACTION_CONSOLE_LEVEL:
        return str(length)
    return f"{length} /* LOGLEVEL_{_LOGLEVELS[length] if 0 <= length < len(_LOGLEVELS) else '???'} */"


SYSLOG_PRINTERS: Final[dict[str, Printer]] = {"syslog_type": _type, "syslog_buf": _buf, "syslog_len": _len}
