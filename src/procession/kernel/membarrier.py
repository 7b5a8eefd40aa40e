"""membarrier(2) (kernel/sched/membarrier.c, as of 6.18): here memory has one order for all CPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.sched_attr import (
    MEMBARRIER_CMD_FLAG_CPU,
    MEMBARRIER_CMD_GET_REGISTRATIONS,
    MEMBARRIER_CMD_GLOBAL,
    MEMBARRIER_CMD_GLOBAL_EXPEDITED,
    MEMBARRIER_CMD_PRIVATE_EXPEDITED,
    MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
    MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE,
    MEMBARRIER_CMD_QUERY,
    MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED,
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
    MembarrierArg,
    MembarrierFlagsArg,
)
from procession.include.linux.syscalls import later_syscall
from procession.include.linux.types import HiddenArg
from procession.kernel import rseq

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("sys_membarrier",)

_REGISTERS: Final = (
    MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED,
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
    MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
)
_ALL: Final = 0x27F
_RSEQ: Final = MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ
# What has to be registered first, and by what.
_NEEDS: Final = {
    MEMBARRIER_CMD_PRIVATE_EXPEDITED: MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED,
    MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE: MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE,
    MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ: MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
}


@later_syscall
def sys_membarrier(current: Task, cmd: MembarrierArg, flags: MembarrierFlagsArg, cpu_id: HiddenArg) -> int:
    """Order memory on all CPUs that run threads (membarrier(2)); raises EINVAL, EPERM for what is not registered."""
    sequences = "rseq" in current.kernel.later
    if flags and not (sequences and cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ and flags == MEMBARRIER_CMD_FLAG_CPU):
        raise LinuxError(Errno.EINVAL, "membarrier: flags")
    mm = current.mm
    assert mm is not None
    if cmd == MEMBARRIER_CMD_QUERY:
        return _ALL | _RSEQ if sequences else _ALL
    if cmd & _RSEQ and not sequences:
        raise LinuxError(Errno.EINVAL, "membarrier: sequences")
    if cmd in (MEMBARRIER_CMD_GLOBAL, MEMBARRIER_CMD_GLOBAL_EXPEDITED):
        return 0
    if cmd in _REGISTERS:
        mm.membarrier_state |= cmd
        return 0
    if cmd == MEMBARRIER_CMD_GET_REGISTRATIONS:
        return mm.membarrier_state
    if cmd not in _NEEDS:
        raise LinuxError(Errno.EINVAL, f"membarrier: command {cmd}")
    if not mm.membarrier_state & _NEEDS[cmd]:
        raise LinuxError(Errno.EPERM, "membarrier: not registered")
    if cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ:
        _restart_sequences(current, cpu_id if flags else -1)
    return 0


def _restart_sequences(current: Task, cpu_id: int) -> None:
    """Have threads of current's memory that run leave their critical sections; cpu_id: those of a CPU, -1 for all."""
    for rq in current.kernel.sched.runqueues:
        p = rq.curr
        if p.mm is current.mm and p.rseq is not None and cpu_id in (-1, rq.cpu) and (p is not current or cpu_id != -1):
            rseq.rseq_preempt(p)
