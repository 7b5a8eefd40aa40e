"""/proc/locks (the end of fs/locks.c; spec files 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import locks
from procession.include.linux.fcntl import F_WRLCK
from procession.include.linux.kdev_t import new_decode_dev
from procession.kernel import pid

if TYPE_CHECKING:
    from procession.fs.locks import FileLock
    from procession.include.linux.fs import Inode
    from procession.include.linux.sched import Task

__all__ = ("locks_show",)


def locks_show(current: Task) -> bytes:
    """Return all locks that the reader's namespace can see, and below each who waits for it.

    Differs: found through open files, in the order of processes.
    """
    inodes: dict[Inode, None] = {}
    for p in current.kernel.tasks:
        for t in p.signal.threads:
            for _, file in t.files.open_files() if t.files is not None else ():
                if file.inode.i_flock:
                    inodes[file.inode] = None
    lines = []
    number = 0
    for inode in inodes:
        for fl in inode.i_flock or ():
            number += 1
            lines.append(f"{number}: {_lock(current, fl)}\n")
            lines += [f"{number}: -> {_lock(current, waiter)}\n" for waiter in fl.fl_block]
    return "".join(lines).encode()


def _lock(current: Task, fl: FileLock) -> str:
    inode = None if fl.fl_file is None else fl.fl_file.inode
    breaking = locks.lease_breaking(fl)
    if fl.fl_pid == locks.OFD_PID:
        kind = "OFDLCK ADVISORY "
    elif fl.fl_flags & locks.FL_POSIX:
        mandatory = inode is not None and locks.mandatory_lock(inode)
        kind = "POSIX  MANDATORY" if mandatory else "POSIX  ADVISORY "
    elif fl.fl_flags & locks.FL_FLOCK:
        kind = "FLOCK  ADVISORY "
    elif breaking:
        kind = "LEASE  BREAKING "
    else:
        kind = "LEASE  BREAKER  " if inode is None else "LEASE  ACTIVE   "
    access = "WRITE" if fl.fl_type == F_WRLCK and not breaking else "READ "
    found = current.kernel.init_pid_ns.pids.get(fl.fl_pid)
    nr = pid.pid_vnr(current, found) if found is not None else fl.fl_pid
    end = "EOF" if fl.fl_end == locks.OFFSET_MAX else str(fl.fl_end)
    if inode is None:
        return f"{kind} {access} {nr} <none>:0 {fl.fl_start} {end}"
    major, minor = new_decode_dev(inode.i_sb.s_dev)
    return f"{kind} {access} {nr} {major:02x}:{minor:02x}:{inode.i_ino} {fl.fl_start} {end}"
