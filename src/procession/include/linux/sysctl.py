"""What poll(2) of a file below /proc/sys waits for (include/linux/sysctl.h)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from procession.include.linux.wait import WaitQueueHead


class CtlTablePoll:
    """struct ctl_table_poll: changes of a value are counted, and those woken who wait for one."""

    __slots__ = ("event", "wait")  # derived

    def __init__(self, wait: WaitQueueHead) -> None:
        self.event: int = 0
        self.wait: WaitQueueHead = wait
