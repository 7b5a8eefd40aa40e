"""Calls about NUMA and swap that a machine without either refuses (mm/mempolicy.c, migrate.c, swapfile.c, fremap.c).

Differs: built as without CONFIG_NUMA and CONFIG_SWAP.
"""

from __future__ import annotations

from typing import NoReturn

from procession.include.linux.cred import CAP_SYS_ADMIN
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mman import MapArg, ProtArg
from procession.include.linux.sched import Task
from procession.include.linux.syscalls import syscall_refused
from procession.include.linux.types import Addr, Int, Path, PidNr, SizeT, ULong, UserPtr
from procession.kernel import capability

__all__ = (
    "sys_get_mempolicy",
    "sys_mbind",
    "sys_migrate_pages",
    "sys_move_pages",
    "sys_remap_file_pages",
    "sys_set_mempolicy",
    "sys_swapoff",
    "sys_swapon",
)


def _refuse(current: Task, call: str) -> NoReturn:
    current.kernel.not_modelled(call)
    raise LinuxError(Errno.ENOSYS, f"{call}: not configured")


@syscall_refused
def sys_mbind(
    current: Task, start: Addr, length: ULong, mode: ULong, nmask: UserPtr, maxnode: ULong, flags: Int
) -> int:
    """Set the NUMA policy of pages (mbind(2)); raises ENOSYS."""
    _refuse(current, "mbind")


@syscall_refused
def sys_set_mempolicy(current: Task, mode: Int, nmask: UserPtr, maxnode: ULong) -> int:
    """Set the NUMA policy of a thread (set_mempolicy(2)); raises ENOSYS."""
    _refuse(current, "set_mempolicy")


@syscall_refused
def sys_get_mempolicy(current: Task, policy: UserPtr, nmask: UserPtr, maxnode: ULong, addr: Addr, flags: ULong) -> int:
    """Return the NUMA policy (get_mempolicy(2)); raises ENOSYS."""
    _refuse(current, "get_mempolicy")


@syscall_refused
def sys_migrate_pages(current: Task, pid: PidNr, maxnode: ULong, old_nodes: UserPtr, new_nodes: UserPtr) -> int:
    """Move a process's pages between nodes (migrate_pages(2)); raises ENOSYS."""
    _refuse(current, "migrate_pages")


@syscall_refused
def sys_move_pages(
    current: Task, pid: PidNr, nr_pages: ULong, pages: UserPtr, nodes: UserPtr, status: UserPtr, flags: Int
) -> int:
    """Move single pages between nodes (move_pages(2)); raises ENOSYS."""
    _refuse(current, "move_pages")


@syscall_refused
def sys_remap_file_pages(current: Task, start: Addr, size: SizeT, prot: ProtArg, pgoff: ULong, flags: MapArg) -> int:
    """Rearrange the pages of a mapping (remap_file_pages(2)); not modelled: raises EINVAL."""
    current.kernel.not_modelled("remap_file_pages")
    raise LinuxError(Errno.EINVAL, "nonlinear mappings are not modelled")


@syscall_refused
def sys_swapon(current: Task, path: Path, flags: Int) -> int:
    """Add swap space (swapon(2)); raises EPERM, ENOSYS."""
    if not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "swapon")
    _refuse(current, "swapon")


@syscall_refused
def sys_swapoff(current: Task, path: Path) -> int:
    """Take swap space away (swapoff(2)); raises EPERM, ENOSYS."""
    if not capability.capable(current, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "swapoff")
    _refuse(current, "swapoff")
