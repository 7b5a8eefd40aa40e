"""What syslog(2) can be asked (include/linux/syslog.h)."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Final

from procession.include.linux.types import Arg, UserPtr

SYSLOG_ACTION_CLOSE: Final = 0
SYSLOG_ACTION_OPEN: Final = 1
SYSLOG_ACTION_READ: Final = 2
SYSLOG_ACTION_READ_ALL: Final = 3
SYSLOG_ACTION_READ_CLEAR: Final = 4
SYSLOG_ACTION_CLEAR: Final = 5
SYSLOG_ACTION_CONSOLE_OFF: Final = 6
SYSLOG_ACTION_CONSOLE_ON: Final = 7
SYSLOG_ACTION_CONSOLE_LEVEL: Final = 8
SYSLOG_ACTION_SIZE_UNREAD: Final = 9
SYSLOG_ACTION_SIZE_BUFFER: Final = 10


class SyslogAction(IntEnum):
    """syslog(2)."""

    CLOSE = SYSLOG_ACTION_CLOSE
    OPEN = SYSLOG_ACTION_OPEN
    READ = SYSLOG_ACTION_READ
    READ_ALL = SYSLOG_ACTION_READ_ALL
    READ_CLEAR = SYSLOG_ACTION_READ_CLEAR
    CLEAR = SYSLOG_ACTION_CLEAR
    CONSOLE_OFF = SYSLOG_ACTION_CONSOLE_OFF
    CONSOLE_ON = SYSLOG_ACTION_CONSOLE_ON
    CONSOLE_LEVEL = SYSLOG_ACTION_CONSOLE_LEVEL
    SIZE_UNREAD = SYSLOG_ACTION_SIZE_UNREAD
    SIZE_BUFFER = SYSLOG_ACTION_SIZE_BUFFER


SyslogTypeArg = Annotated[int, Arg("syslog_type", 32, signed=True)]
SyslogBuf = Annotated[UserPtr, Arg("syslog_buf", out=True)]
SyslogLen = Annotated[int, Arg("syslog_len", 32, signed=True)]
