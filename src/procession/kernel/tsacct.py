"""The accounting fields of struct taskstats (kernel/tsacct.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.jiffies import nsecs_to_jiffies
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.sched import (
    PF_DUMPCORE,
    PF_FORKNOEXEC,
    PF_SIGNALED,
    PF_SUPERPRIV,
    pid_alive,
    thread_group_leader,
)
from procession.include.linux.time import HZ, NSEC_PER_SEC, NSEC_PER_USEC, USEC_PER_SEC
from procession.include.linux.uidgid import gid_here, uid_here
from procession.kernel import sched
from procession.kernel.acct import ACORE, AFORK, ASU, AXSIG
from procession.lib import string

if TYPE_CHECKING:
    from procession.include.linux.sched import Task
    from procession.include.linux.taskstats import Taskstats

__all__ = ("bacct_add_tsk", "xacct_add_tsk")

KB: Final = 1024
_USEC_PER_JIFFY: Final = USEC_PER_SEC // HZ


def _usecs(ns: int) -> int:
    """Return CPU time as us, in whole jiffies (cputime_to_usecs)."""
    return nsecs_to_jiffies(ns) * _USEC_PER_JIFFY


def bacct_add_tsk(stats: Taskstats, tsk: Task) -> None:
    """Fill in who the task is, how it has ended, and its times."""
    k = tsk.kernel
    elapsed_ns = k.clock.now_ns - tsk.start_time
    stats.ac_etime = elapsed_ns // NSEC_PER_USEC
    stats.ac_btime = (k.boot_time_ns + k.clock.now_ns) // NSEC_PER_SEC - elapsed_ns // NSEC_PER_SEC
    flags = tsk.flags
    if thread_group_leader(tsk):
        stats.ac_exitcode = tsk.exit_code
        if flags & PF_FORKNOEXEC:
            stats.ac_flag |= AFORK
    if flags & PF_SUPERPRIV:
        stats.ac_flag |= ASU
    if flags & PF_DUMPCORE:
        stats.ac_flag |= ACORE
    if flags & PF_SIGNALED:
        stats.ac_flag |= AXSIG
    stats.ac_nice = sched.task_nice(tsk)
    stats.ac_sched = tsk.policy
    stats.ac_uid = uid_here(tsk.kernel.current, tsk.real_cred.uid)
    stats.ac_gid = gid_here(tsk.kernel.current, tsk.real_cred.gid)
    stats.ac_pid = tsk.pid
    stats.ac_ppid = tsk.real_parent.tgid if pid_alive(tsk) else 0
    stats.ac_utime = _usecs(tsk.utime)
    stats.ac_stime = _usecs(tsk.stime)
    stats.ac_minflt = tsk.min_flt
    stats.ac_majflt = tsk.maj_flt
    stats.ac_comm = string.to_bytes(tsk.comm)


def xacct_add_tsk(stats: Taskstats, tsk: Task) -> None:
    """Fill in memory and I/O.

    Differs: the integrals are those of the memory that it has now, over all of its time; 3.2 adds up at each tick.
    """
    mm = tsk.mm
    if mm is not None:
        spent = _usecs(tsk.utime + tsk.stime) * PAGE_SIZE
        rss = mm.rss_anon + mm.rss_file
        stats.coremem = spent * rss // (1000 * KB)
        stats.virtmem = spent * mm.total_vm // (1000 * KB)
        stats.hiwater_rss = max(mm.hiwater_rss, rss) * PAGE_SIZE // KB
        stats.hiwater_vm = max(mm.hiwater_vm, mm.total_vm) * PAGE_SIZE // KB
    # Rounded down to KiB, calls as well.
    counts = (tsk.rchar, tsk.wchar, tsk.syscr, tsk.syscw, tsk.inblock * 512, tsk.oublock * 512)
    rchar, wchar, syscr, syscw, read, written = [count & -KB for count in counts]
    stats.io = (rchar, wchar, syscr, syscw, read, written, 0)
