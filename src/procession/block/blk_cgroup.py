"""The controller blkio: what share of disks' time a group has (block/blk-cgroup.c).

Differs: there are no disks, so that nothing is ever counted, and no device can be named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.cgroup import BLKIO_SUBSYS_ID, Cftype, CgroupSubsys, CgroupSubsysState
from procession.include.linux.errno import Errno, LinuxError

if TYPE_CHECKING:
    from procession.include.linux.cgroup import Cgroup
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("BlkioSubsys",)

BLKIO_WEIGHT_MIN: Final = 10
BLKIO_WEIGHT_MAX: Final = 1000
BLKIO_WEIGHT_DEFAULT: Final = 500
_TOTALS: Final = ("io_service_bytes", "io_serviced", "io_service_time", "io_wait_time", "io_merged", "io_queued")


class BlkioCgroup(CgroupSubsysState):
    """A group's share (struct blkio_cgroup)."""

    __slots__ = ("weight",)

    def __init__(self, cgroup: Cgroup, weight: int) -> None:
        super().__init__(cgroup)
        self.weight = weight


def _blkcg(cgrp: Cgroup) -> BlkioCgroup:
    css = cgrp.subsys[BLKIO_SUBSYS_ID]
    assert isinstance(css, BlkioCgroup)
    return css


def _blkio_weight_write(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    if not BLKIO_WEIGHT_MIN <= value <= BLKIO_WEIGHT_MAX:
        raise LinuxError(Errno.EINVAL, "blkio.weight")
    _blkcg(cgrp).weight = value


def _blkiocg_file_write(current: Task, cgrp: Cgroup, cft: Cftype, data: bytes) -> None:
    """Find fault with a line "major:minor weight": first with its form, then with a device that there is not."""
    device, _, weight = data.decode("latin-1").strip().partition(" ")
    major, colon, minor = device.partition(":")
    if not colon or not major.isdigit() or not minor.isdigit() or not weight:
        raise LinuxError(Errno.EINVAL, "major:minor weight")
    raise LinuxError(Errno.ENODEV, "no such disk")


def _blkiocg_reset_stats(current: Task, cgrp: Cgroup, cft: Cftype, value: int) -> None:
    """There is nothing but zeros."""


class BlkioSubsys(CgroupSubsys):
    """The controller."""

    def __init__(self, k: Kernel) -> None:
        super().__init__(k, "blkio", BLKIO_SUBSYS_ID)

    def create(self, cgrp: Cgroup) -> CgroupSubsysState:
        """Return the share that a group begins with; the top one has twice as much."""
        return BlkioCgroup(cgrp, BLKIO_WEIGHT_DEFAULT if cgrp.parent is not None else BLKIO_WEIGHT_MAX)

    def files(self, cgrp: Cgroup) -> list[Cftype]:
        """Return the files of every group, as with the scheduler CFQ and without throttling."""
        return [
            Cftype("weight_device", max_write_len=256, read_seq=lambda *_: "", write_string=_blkiocg_file_write),
            Cftype("weight", read_u64=lambda cgrp, _: _blkcg(cgrp).weight, write_u64=_blkio_weight_write),
            Cftype("time", read_seq=lambda *_: ""),
            Cftype("sectors", read_seq=lambda *_: ""),
            *[Cftype(name, read_seq=lambda *_: "Total 0\n") for name in _TOTALS],
            Cftype("reset_stats", write_u64=_blkiocg_reset_stats),
        ]

    def can_attach_task(self, cgrp: Cgroup, p: Task) -> None:
        """Refuse a thread that shares the time of disks with another (CLONE_IO): EINVAL."""
        if p.io_context is not None and p.io_context.nr_tasks > 1:
            raise LinuxError(Errno.EINVAL, "a shared io_context")
