"""One call for all of System V's, as i386 has it (arch/x86/ia32/ipc32.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.syscalls import compat_syscall
from procession.include.linux.types import Addr, Int, UInt
from procession.ipc import compat, msg, sem, shm

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ()

SEMOP: Final = 1
SEMGET: Final = 2
SEMCTL: Final = 3
SEMTIMEDOP: Final = 4
MSGSND: Final = 11
MSGRCV: Final = 12
MSGGET: Final = 13
MSGCTL: Final = 14
SHMAT: Final = 21
SHMDT: Final = 22
SHMGET: Final = 23
SHMCTL: Final = 24
_VERSION_SHIFT: Final = 16
_CALL_MASK: Final = 0xFFFF


@compat_syscall
async def sys32_ipc(current: Task, call: UInt, first: Int, second: Int, third: Int, ptr: Addr, fifth: Int) -> int:
    """Make the call of semaphores, messages or shared memory that call names (ipc(2)).

    Its upper half is a version: in 0 msgrcv gets its last arguments in memory. Raises ENOSYS, and what that call does.
    """
    version = call >> _VERSION_SHIFT
    call &= _CALL_MASK
    if SEMOP <= call <= SEMTIMEDOP:
        return await _sem(current, call, first, second, third, ptr, fifth)
    if MSGSND <= call <= MSGCTL:
        return await _msg(current, call, first, second, third, ptr, fifth, version)
    if call == SHMAT:
        return compat.compat_sys_shmat(current, first, second, third & UINT_MAX, version, ptr)
    if call == SHMDT:
        return shm.sys_shmdt(current, ptr)
    if call == SHMGET:
        return shm.sys_shmget(current, first, second & UINT_MAX, third)
    if call == SHMCTL:
        return compat.compat_sys_shmctl(current, first, second, ptr)
    raise LinuxError(Errno.ENOSYS, "ipc: no such call")


async def _sem(current: Task, call: int, first: int, second: int, third: int, ptr: int, fifth: int) -> int:
    if call == SEMOP:
        return await sem.sys_semtimedop(current, first, ptr, second & UINT_MAX, 0)
    if call == SEMTIMEDOP:
        return await compat.compat_sys_semtimedop(current, first, ptr, second & UINT_MAX, fifth & UINT_MAX)
    if call == SEMGET:
        return sem.sys_semget(current, first, second, third)
    return compat.compat_sys_semctl(current, first, second, third, ptr)


async def _msg(
    current: Task, call: int, first: int, second: int, third: int, ptr: int, fifth: int, version: int
) -> int:
    if call == MSGSND:
        return await compat.compat_sys_msgsnd(current, first, second, third, ptr)
    if call == MSGRCV:
        return await compat.compat_sys_msgrcv(current, first, second, fifth, third, version, ptr)
    if call == MSGGET:
        return msg.sys_msgget(current, first, second)
    return compat.compat_sys_msgctl(current, first, second, ptr)
