"""Process groups, sessions, limits, usage, names (kernel/sys.c; spec 11, 19, 20).

The calls about user and group ids are in sys_ids.py, prctl(2) in sys_prctl.py.
"""

from __future__ import annotations

from collections.abc import Iterator
import struct
from typing import TYPE_CHECKING, Annotated, Final

from procession.drivers.tty import tty_jobctrl
from procession.include.linux.cred import CAP_SYS_ADMIN, CAP_SYS_NICE, CAP_SYS_RESOURCE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IRWXUGO
from procession.include.linux.jiffies import INITIAL_JIFFIES, jiffies_to_clock_t, jiffies_to_ns, nsecs_to_jiffies
from procession.include.linux.nsproxy import utsname
from procession.include.linux.pid import PIDTYPE_PGID, PIDTYPE_SID
from procession.include.linux.prctl import PER_LINUX32, PER_MASK, UNAME26
from procession.include.linux.resource import (
    PRIO_PGRP,
    PRIO_PROCESS,
    PRIO_USER,
    RLIM_NLIMITS,
    RLIMIT_CPU,
    RLIMIT_NOFILE,
    RLIMIT_RTTIME,
    RUSAGE_CHILDREN,
    RUSAGE_SELF,
    RUSAGE_THREAD,
    PrioArg,
    RlimitArg,
    RlimOut,
    RlimPtr,
    Rusage,
    RusageArg,
    RusageOut,
)
from procession.include.linux.sched import same_thread_group, thread_group_leader
from procession.include.linux.syscalls import syscall
from procession.include.linux.time import NSEC_PER_USEC, USEC_PER_SEC
from procession.include.linux.types import Arg, InBuf, Int, IntOut, ModeT, PidNr, UInt32, UserPtr
from procession.include.linux.uidgid import make_kuid
from procession.include.linux.utsname import NEW_UTS_LEN, UTS_PROC_DOMAINNAME, UTS_PROC_HOSTNAME
from procession.kernel import (
    capability,
    pid,
    posix_cpu_timers,
    rcupdate,
    sched,
    sched_autogroup,
    sched_cputime,
    sched_prio,
    utsname_sysctl,
)
from procession.mm import uaccess

if TYPE_CHECKING:
    from procession.include.linux.pid import Pid
    from procession.include.linux.sched import Task

__all__ = (
    "begin_session",
    "do_prlimit",
    "getrusage",
    "k_getrusage",
    "pack_rusage",
    "set_special_pids",
    "sys_getcpu",
    "sys_getpgid",
    "sys_getpgrp",
    "sys_getpriority",
    "sys_getrlimit",
    "sys_getrusage",
    "sys_getsid",
    "sys_prlimit64",
    "sys_setdomainname",
    "sys_sethostname",
    "sys_setpgid",
    "sys_setpriority",
    "sys_setrlimit",
    "sys_setsid",
    "sys_times",
    "sys_umask",
    "sys_uname",
)

_RLIM: Final = struct.Struct("<QQ")
_TMS: Final = struct.Struct("<qqqq")
_RUSAGE: Final = struct.Struct("<18q")
_UTSNAME: Final = struct.Struct("65s65s65s65s65s65s")
# 3.2's tick counter starts five minutes before it wraps at 32 bits; times(2) shows it.
_KIB_PER_PAGE: Final = 4


# Priorities.


def set_one_prio(current: Task, p: Task, niceval: int) -> None:
    cred, pcred = current.cred, p.real_cred
    ns = pcred.user_ns
    own = cred.user.user_ns is pcred.user.user_ns and cred.euid in (pcred.uid, pcred.euid)
    if not own and not capability.ns_capable(current, ns, CAP_SYS_NICE):
        raise LinuxError(Errno.EPERM, f"priority of {p!r}")
    if niceval < sched.task_nice(p) and not capability.can_nice(current, p, niceval):
        raise LinuxError(Errno.EACCES, "RLIMIT_NICE")
    if pcred.cap_permitted & ~cred.cap_permitted and not capability.ns_capable(current, ns, CAP_SYS_NICE):
        raise LinuxError(Errno.EPERM, f"{p!r} has more capabilities")
    sched_prio.set_user_nice(p, niceval)


def _look_for(current: Task, which: int, who: int) -> None:
    """Look for kernel threads of boot, which cannot be made under the lock that is taken next."""
    k = current.kernel
    if which == PRIO_PROCESS:
        pid.find_vpid(current, who)
    elif which == PRIO_USER and not (make_kuid(current.cred.user_ns, who & 0xFFFFFFFF) if who else current.cred.uid):
        k.kthreads.appear(k)


def _prio_targets(current: Task, which: int, who: int) -> Iterator[Task]:
    """The threads that getpriority(2) and setpriority(2) are about; tasklist_lock held."""
    current.kernel.tasklist_lock.assert_held()
    if which == PRIO_PROCESS:
        p = pid.find_task_by_vpid(current, who) if who else current
        if p is not None:
            yield p
    elif which == PRIO_PGRP:
        pgrp = pid.find_vpid(current, who) if who else pid.task_pgrp(current)
        members = pgrp.tasks[PIDTYPE_PGID] if pgrp is not None else None
        for leader in reversed(members or {}):
            yield from leader.signal.threads
    else:
        uid = make_kuid(current.cred.user_ns, who & 0xFFFFFFFF) if who else current.cred.uid
        for leader in current.kernel.tasks:
            for p in leader.signal.threads:
                if p.real_cred.uid == uid:
                    yield p


@syscall
def sys_setpriority(current: Task, which: PrioArg, who: Int, niceval: Int) -> int:
    """Set the nice value of a thread, of a group's or a user's threads.

    Raises EINVAL, ESRCH if there is none, EPERM, EACCES; of several failures the last (setpriority(2)).
    """
    if not PRIO_PROCESS <= which <= PRIO_USER:
        raise LinuxError(Errno.EINVAL, "which")
    niceval = max(-20, min(19, niceval))
    failure: LinuxError | None = LinuxError(Errno.ESRCH, "nobody")
    k = current.kernel
    _look_for(current, which, who)
    with rcupdate.rcu_read_lock(k), k.tasklist_lock.read():
        for p in list(_prio_targets(current, which, who)):
            try:
                set_one_prio(current, p, niceval)
            except LinuxError as error:
                failure = error
            else:
                # A success hides only that nobody was there before.
                if failure is not None and failure.errno == Errno.ESRCH:
                    failure = None
    if failure is not None:
        raise failure
    return 0


@syscall
def sys_getpriority(current: Task, which: PrioArg, who: Int) -> int:
    """Return 20 - nice of the most favoured of the threads; raises EINVAL, ESRCH (getpriority(2))."""
    if not PRIO_PROCESS <= which <= PRIO_USER:
        raise LinuxError(Errno.EINVAL, "which")
    k = current.kernel
    _look_for(current, which, who)
    with rcupdate.rcu_read_lock(k), k.tasklist_lock.read():
        values = [20 - sched.task_nice(p) for p in _prio_targets(current, which, who)]
    if not values:
        raise LinuxError(Errno.ESRCH, "nobody")
    return max(values)


# Process groups and sessions.


@syscall
def sys_setpgid(current: Task, pid: PidNr, pgid: PidNr) -> int:
    """Move a process, ourselves or a child that has not exec'ed, to a group of its session (setpgid(2); spec 11.1).

    Raises EINVAL, ESRCH, EPERM, EACCES.
    """
    nr = pid or _own_tgid(current)
    pgid = pgid or nr
    if pgid < 0:
        raise LinuxError(Errno.EINVAL, "negative pgid")
    with current.kernel.tasklist_lock.write_irq(), rcupdate.rcu_read_lock(current.kernel):
        _setpgid_locked(current, nr, pgid)
    return 0


def _own_tgid(current: Task) -> int:
    return pid.task_tgid_vnr(current, current)  # setpgid(2) calls a number pid


def _setpgid_locked(current: Task, nr: int, pgid: int) -> None:
    current.kernel.tasklist_lock.assert_held_write()
    leader = current.group_leader
    p = pid.find_task_by_vpid(current, nr)
    if p is None:
        raise LinuxError(Errno.ESRCH, f"no process {nr}")
    if not thread_group_leader(p):
        raise LinuxError(Errno.EINVAL, "a thread is in its process's group")
    if same_thread_group(p.real_parent, leader):
        if pid.task_session(p) is not pid.task_session(leader):
            raise LinuxError(Errno.EPERM, "child in another session")
        if p.did_exec:
            raise LinuxError(Errno.EACCES, "child has exec'ed")
    elif p is not leader:
        raise LinuxError(Errno.ESRCH, "neither ourselves nor our child")
    if p.signal.leader:
        raise LinuxError(Errno.EPERM, "session leader")

    pgrp = pid.task_pid(p)
    if pgid != nr:
        pgrp = pid.find_vpid(current, pgid)
        member = pid.pid_task(pgrp, PIDTYPE_PGID)
        if member is None or pid.task_session(member) is not pid.task_session(leader):
            raise LinuxError(Errno.EPERM, f"no group {pgid} in this session")
    assert pgrp is not None
    if pid.task_pgrp(p) is not pgrp:
        pid.change_pid(p, PIDTYPE_PGID, pgrp)


def _group_nr(current: Task, nr: int, of: int) -> int:
    """Return the number of a process's group or session, 0 if it is not visible; raises ESRCH."""
    p = pid.find_task_by_vpid(current, nr) if nr else current
    if p is None or p.group_leader.pids[of] is None:
        raise LinuxError(Errno.ESRCH, f"no process {nr}")
    return pid.pid_vnr(current, p.group_leader.pids[of])


@syscall
def sys_getpgid(current: Task, pid: PidNr) -> PidNr:
    """Return a process's group, 0 for ourselves; raises ESRCH (getpgid(2))."""
    return _group_nr(current, pid, PIDTYPE_PGID)


@syscall
def sys_getpgrp(current: Task) -> PidNr:
    """Return our process group (getpgrp(2))."""
    return _group_nr(current, 0, PIDTYPE_PGID)


@syscall
def sys_getsid(current: Task, pid: PidNr) -> PidNr:
    """Return a process's session, 0 for ourselves; raises ESRCH (getsid(2))."""
    return _group_nr(current, pid, PIDTYPE_SID)


def set_special_pids(current: Task, to: Pid) -> None:
    """Make current's process a member of the session and group of this number (__set_special_pids)."""
    leader = current.group_leader
    if pid.task_session(leader) is not to:
        pid.change_pid(leader, PIDTYPE_SID, to)
    if pid.task_pgrp(leader) is not to:
        pid.change_pid(leader, PIDTYPE_PGID, to)


def begin_session(current: Task) -> Pid:
    """Begin a session, without a terminal; raises EPERM for a leader, also if our number names a group."""
    leader = current.group_leader
    sid = pid.task_pid(leader)
    assert sid is not None
    with current.kernel.tasklist_lock.write_irq():
        if leader.signal.leader:
            raise LinuxError(Errno.EPERM, "a session leader already")
        if pid.pid_task(sid, PIDTYPE_PGID) is not None:
            raise LinuxError(Errno.EPERM, "our number names a process group")
        leader.signal.leader = True
        set_special_pids(current, sid)
        tty_jobctrl.proc_clear_tty(leader)
    return sid


@syscall
def sys_setsid(current: Task) -> PidNr:
    """Begin a session, without a terminal; raises EPERM for a leader, also if our number names a group (setsid(2))."""
    sid = begin_session(current)
    sched_autogroup.sched_autogroup_create_attach(current.group_leader)
    return pid.pid_vnr(current, sid)


# Time.


@syscall
def sys_times(current: Task, tbuf: Annotated[UserPtr, Arg("struct tms", out=True)]) -> int:
    """Return the CPU time of the process and its reaped children, and the tick counter; raises EFAULT (times(2))."""
    if tbuf:
        sig = current.signal
        utime, stime = sched_cputime.thread_group_times(current)
        tms = _TMS.pack(
            jiffies_to_clock_t(utime),
            jiffies_to_clock_t(stime),
            jiffies_to_clock_t(sig.cutime),
            jiffies_to_clock_t(sig.cstime),
        )
        uaccess.copy_to_user(current, tbuf, tms)
    return jiffies_to_clock_t(INITIAL_JIFFIES + nsecs_to_jiffies(current.kernel.clock.now_ns))


# Names.


@syscall
def sys_uname(current: Task, name: Annotated[UserPtr, Arg("struct utsname", out=True)]) -> int:
    """Return the names of system and machine; raises EFAULT (uname(2))."""
    uts = utsname(current)
    release, machine = uts.release, uts.machine
    if current.personality & UNAME26:
        release = b"2.6.%d" % (int(release.split(b".")[1]) + 40)
    if current.personality & PER_MASK == PER_LINUX32:
        machine = b"i686"
    fields = (uts.sysname, uts.nodename, release, uts.version, machine, uts.domainname)
    uaccess.copy_to_user(current, name, _UTSNAME.pack(*fields))
    return 0


def _check_new_name(current: Task, length: int) -> None:
    owner = utsname(current).user_ns or current.kernel.users.init_user_ns
    if not capability.ns_capable(current, owner, CAP_SYS_ADMIN):
        raise LinuxError(Errno.EPERM, "CAP_SYS_ADMIN")
    if not 0 <= length <= NEW_UTS_LEN:
        raise LinuxError(Errno.EINVAL, "length of the name")


@syscall
def sys_sethostname(current: Task, name: InBuf, len: UInt32) -> int:
    """Set the host name of the UTS namespace; raises EPERM, EINVAL, EFAULT (sethostname(2))."""
    _check_new_name(current, len)
    try:
        utsname(current).nodename = uaccess.copy_from_user(current, name, len) if len else b""
    finally:
        utsname_sysctl.uts_proc_notify(current.kernel, UTS_PROC_HOSTNAME)
    return 0


@syscall
def sys_setdomainname(current: Task, name: InBuf, len: UInt32) -> int:
    """Set the NIS domain name of the UTS namespace; raises EPERM, EINVAL, EFAULT (setdomainname(2))."""
    _check_new_name(current, len)
    try:
        utsname(current).domainname = uaccess.copy_from_user(current, name, len) if len else b""
    finally:
        utsname_sysctl.uts_proc_notify(current.kernel, UTS_PROC_DOMAINNAME)
    return 0


# Limits.


def do_prlimit(current: Task, tsk: Task, resource: int, new: tuple[int, int] | None) -> tuple[int, int]:
    """Return a limit (soft, hard) of tsk and set it to new unless that is None; raises EINVAL, EPERM, ESRCH."""
    if not 0 <= resource < RLIM_NLIMITS:
        raise LinuxError(Errno.EINVAL, f"no limit {resource}")
    k = current.kernel
    if new is not None:
        if new[0] > new[1]:
            raise LinuxError(Errno.EINVAL, "soft limit above the hard one")
        if resource == RLIMIT_NOFILE and new[1] > k.vfs.sysctl_nr_open:
            raise LinuxError(Errno.EPERM, "nr_open")
    with k.tasklist_lock.read():
        if tsk.sighand is None:
            raise LinuxError(Errno.ESRCH, "released task")
        rlim = tsk.signal.rlim
        with tsk.group_leader.alloc_lock:
            old = rlim[resource]
            if new is not None:
                if new[1] > old[1] and not capability.capable(current, CAP_SYS_RESOURCE):
                    raise LinuxError(Errno.EPERM, "CAP_SYS_RESOURCE")
                if resource == RLIMIT_CPU and new[0] == 0:
                    new = (1, new[1])  # 0 would never be noticed to have passed
                rlim[resource] = new
        if new is not None and resource == RLIMIT_CPU:
            posix_cpu_timers.update_rlimit_cpu(tsk, new[0])
        if new is not None and resource == RLIMIT_RTTIME:
            posix_cpu_timers.update_rlimit_rttime(tsk, new[0])
    return old


@syscall
def sys_getrlimit(current: Task, resource: RlimitArg, rlim: RlimOut) -> int:
    """Return a limit; raises EINVAL, EFAULT (getrlimit(2))."""
    uaccess.copy_to_user(current, rlim, _RLIM.pack(*do_prlimit(current, current, resource, None)))
    return 0


@syscall
def sys_setrlimit(current: Task, resource: RlimitArg, rlim: RlimPtr) -> int:
    """Set a limit; raises EFAULT, EINVAL, EPERM (setrlimit(2))."""
    soft, hard = _RLIM.unpack(uaccess.copy_from_user(current, rlim, _RLIM.size))
    do_prlimit(current, current, resource, (soft, hard))
    return 0


@syscall
def sys_prlimit64(current: Task, pid: PidNr, resource: RlimitArg, new_rlim: RlimPtr, old_rlim: RlimOut) -> int:
    """Set and return a limit of any process; raises EFAULT, ESRCH, EPERM, EINVAL (prlimit(2))."""
    new: tuple[int, int] | None = None
    if new_rlim:
        soft, hard = _RLIM.unpack(uaccess.copy_from_user(current, new_rlim, _RLIM.size))
        new = soft, hard
    old = do_prlimit(current, _prlimit_target(current, pid), resource, new)
    if old_rlim:
        uaccess.copy_to_user(current, old_rlim, _RLIM.pack(*old))
    return 0


def _prlimit_target(current: Task, nr: int) -> Task:
    """Return whose limits are meant; raises ESRCH, EPERM unless all its ids are our real ones."""
    p = pid.find_task_by_vpid(current, nr) if nr else current
    if p is None:
        raise LinuxError(Errno.ESRCH, f"no process {nr}")
    if p is current:
        return p
    cred, tcred = current.cred, p.real_cred
    ns = tcred.user_ns
    own = (
        cred.user.user_ns is tcred.user.user_ns
        and {tcred.euid, tcred.suid, tcred.uid} == {cred.uid}
        and ({tcred.egid, tcred.sgid, tcred.gid} == {cred.gid})
    )
    if not own and not capability.ns_capable(current, ns, CAP_SYS_RESOURCE):
        raise LinuxError(Errno.EPERM, f"limits of {p!r}")
    return p


# Usage.


def k_getrusage(p: Task, who: int) -> Rusage:
    """Return what p has used: RUSAGE_SELF, _CHILDREN (reaped ones), _BOTH, or _THREAD."""
    r = Rusage()
    sig = p.signal
    maxrss = sig.maxrss
    if who == RUSAGE_THREAD:
        r.utime, r.stime = sched_cputime.task_times(p)
        _accumulate_thread(p, r)
    elif p.sighand is None:
        return r
    else:
        with p.sighand.siglock.irq():
            if who != RUSAGE_SELF:
                _set_children(p, r)
                maxrss = sig.cmaxrss
            if who != RUSAGE_CHILDREN:
                maxrss = max(maxrss, sig.maxrss)
                utime, stime = sched_cputime.thread_group_times(p)
                r.utime += utime
                r.stime += stime
                _accumulate_dead_threads(p, r)
                for t in sig.threads:
                    _accumulate_thread(t, r)
    if who != RUSAGE_CHILDREN and p.mm is not None:
        maxrss = max(maxrss, p.mm.hiwater_rss, p.mm.rss_anon + p.mm.rss_file)
    r.maxrss = maxrss * _KIB_PER_PAGE
    return r


def _accumulate_thread(t: Task, r: Rusage) -> None:
    r.minflt += t.min_flt
    r.majflt += t.maj_flt
    r.inblock += t.inblock
    r.oublock += t.oublock
    r.nvcsw += t.nvcsw
    r.nivcsw += t.nivcsw


def _accumulate_dead_threads(p: Task, r: Rusage) -> None:
    sig = p.signal
    r.minflt += sig.min_flt
    r.majflt += sig.maj_flt
    r.inblock += sig.inblock
    r.oublock += sig.oublock
    r.nvcsw += sig.nvcsw
    r.nivcsw += sig.nivcsw


def _set_children(p: Task, r: Rusage) -> None:
    sig = p.signal
    r.utime, r.stime = sig.cutime, sig.cstime
    r.minflt, r.majflt = sig.cmin_flt, sig.cmaj_flt
    r.inblock, r.oublock = sig.cinblock, sig.coublock
    r.nvcsw, r.nivcsw = sig.cnvcsw, sig.cnivcsw


def pack_rusage(r: Rusage) -> bytes:
    """Return struct rusage; what Linux does not maintain is 0."""
    utime_us, stime_us = jiffies_to_ns(r.utime) // NSEC_PER_USEC, jiffies_to_ns(r.stime) // NSEC_PER_USEC
    return _RUSAGE.pack(
        *divmod(utime_us, USEC_PER_SEC),
        *divmod(stime_us, USEC_PER_SEC),
        r.maxrss,
        0,
        0,
        0,
        r.minflt,
        r.majflt,
        0,
        r.inblock,
        r.oublock,
        0,
        0,
        0,
        r.nvcsw,
        r.nivcsw,
    )


def getrusage(current: Task, p: Task, who: int, ru: UserPtr) -> None:
    """Write p's usage to user memory; raises EFAULT."""
    uaccess.copy_to_user(current, ru, pack_rusage(k_getrusage(p, who)))


@syscall
def sys_getrusage(current: Task, who: RusageArg, ru: RusageOut) -> int:
    """Return what we, our reaped children or this thread have used; raises EINVAL, EFAULT (getrusage(2))."""
    if who not in (RUSAGE_SELF, RUSAGE_CHILDREN, RUSAGE_THREAD):
        raise LinuxError(Errno.EINVAL, "who")
    getrusage(current, current, who, ru)
    return 0


# The rest.


@syscall
def sys_umask(current: Task, mask: ModeT) -> ModeT:
    """Set the mask of new files' modes, return the old one (umask(2))."""
    assert current.fs is not None
    old = current.fs.umask
    current.fs.umask = mask & S_IRWXUGO
    return old


@syscall
def sys_getcpu(current: Task, cpup: IntOut, nodep: IntOut, unused: UserPtr) -> int:
    """Return which CPU runs us, and its memory node, 0; raises EFAULT (getcpu(2))."""
    if cpup:
        uaccess.put_user(current, cpup, current.kernel.cpu, 4)
    if nodep:
        uaccess.put_user(current, nodep, 0, 4)
    return 0
