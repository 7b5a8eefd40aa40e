"""What syslog(2) can be asked (include/linux/syslog.h)."""

from __future__ import annotations

from typing import Final

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
