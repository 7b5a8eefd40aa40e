"""What stat, status and statm say about a task (fs/proc/array.c; spec 18)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.drivers.tty import tty_io
from procession.fs.proc import task_mmu
from procession.include.linux.jiffies import jiffies_to_clock_t
from procession.include.linux.mm_types import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.resource import RLIMIT_RSS, RLIMIT_SIGPENDING
from procession.include.linux.sched import (
    MAX_RT_PRIO,
    PF_KTHREAD,
    SIGNAL_GROUP_EXIT,
    SIGNAL_STOP_STOPPED,
    Task,
    pid_alive,
)
from procession.include.linux.signal import SIG_DFL, SIG_IGN
from procession.include.linux.time import NSEC_PER_CLOCK_T
from procession.include.linux.uidgid import gid_here, uid_here
from procession.kernel import pid, ptrace_access, sched_cputime, stacktrace
from procession.kernel import sched as kernel_sched
from procession.lib import bitmap, string

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.pid import PidNamespace

__all__ = (
    "do_task_stat",
    "get_task_state",
    "proc_pid_statm",
    "proc_pid_status",
    "proc_tgid_stat",
    "proc_tid_stat",
    "task_statm",
)

NGROUPS_SMALL: Final = 32
_ALL_ONES: Final = (1 << 64) - 1
# The 44 fields; constants stand for what is not counted: itrealvalue, nswap, cnswap, and the last three.
_STAT: Final = (
    b"%d (%s) %s %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d %d 0 %d %d %d %d %d %d %d %d %d %d %d %d %d %d 0 0 "
    b"%d %d %d %d 0 0 0\n"
)
_LETTERS: Final = (b"R", b"S", b"D", b"T", b"t", b"Z", b"X", b"x", b"K", b"W")
_STATES: Final = (
    "R (running)",
    "S (sleeping)",
    "D (disk sleep)",
    "T (stopped)",
    "t (tracing stop)",
    "Z (zombie)",
    "X (dead)",
    "x (dead)",
    "K (wakekill)",
    "W (waking)",
)


def get_task_state(tsk: Task) -> str:
    """Return the state's letter and name; which bits count is spec 1.2."""
    return _STATES[(tsk.state & 0x0F | tsk.exit_state).bit_length()]


def collect_sigign_sigcatch(p: Task) -> tuple[int, int]:
    """Return the sets of ignored and of caught signals."""
    ignored = caught = 0
    if p.sighand is not None:
        handlers = [ka.handler for ka in p.sighand.action]
        if not any(handlers):
            return 0, 0
        for i, handler in enumerate(handlers):
            if handler == SIG_DFL:
                continue
            if handler == SIG_IGN:
                ignored |= 1 << i
            else:
                caught |= 1 << i
    return ignored, caught


def task_statm(mm: MmStruct) -> tuple[int, int, int, int, int]:
    """Return (size, resident, shared, text, data) in pages."""
    text = (mm.end_code + PAGE_SIZE - 1 & PAGE_MASK) - (mm.start_code & PAGE_MASK) >> PAGE_SHIFT
    return mm.total_vm, mm.rss_anon + mm.rss_file, mm.rss_file, text, mm.total_vm - mm.shared_vm


def proc_pid_statm(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return statm; library and dirty pages are always 0."""
    mm = task.mm
    if mm is None:
        return b"0 0 0 0 0 0 0\n"
    return b"%d %d %d %d 0 %d 0\n" % task_statm(mm)


def proc_tid_stat(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return /proc/PID/task/TID/stat."""
    return do_task_stat(current, ns, task, whole=False)


def proc_tgid_stat(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return /proc/PID/stat."""
    return do_task_stat(current, ns, task, whole=True)


def do_task_stat(current: Task, ns: PidNamespace, task: Task, *, whole: bool) -> bytes:
    """Return the 44 fields of stat; whole: of the process, not of the thread alone (spec 18.1)."""
    mm = task.mm
    permitted = ptrace_access.ptrace_may_access(current, task, ptrace_access.PTRACE_MODE_READ)
    sig = task.signal
    ppid, pgid, sid, num_threads, tty_nr, tty_pgrp = 0, -1, -1, 0, 0, -1
    cmin_flt = cmaj_flt = cutime = cstime = rsslim = sigign = sigcatch = 0
    min_flt, maj_flt = task.min_flt, task.maj_flt
    utime, stime = sched_cputime.thread_group_times(task) if whole else sched_cputime.task_times(task)
    if task.sighand is not None:
        num_threads = sig.nr_threads
        sigign, sigcatch = collect_sigign_sigcatch(task)
        cmin_flt, cmaj_flt, cutime, cstime = sig.cmin_flt, sig.cmaj_flt, sig.cutime, sig.cstime
        rsslim = sig.rlim[RLIMIT_RSS][0]
        if sig.tty is not None:
            tty_nr, tty_pgrp = tty_io.tty_devnum(sig.tty), pid.pid_nr_ns(sig.tty.pgrp, ns)
        sid = pid.task_session_nr_ns(task, ns)
        ppid = pid.task_tgid_nr_ns(task.real_parent, ns)
        pgid = pid.task_pgrp_nr_ns(task, ns)
    if whole:
        min_flt = sig.min_flt + sum(t.min_flt for t in sig.threads)
        maj_flt = sig.maj_flt + sum(t.maj_flt for t in sig.threads)
        if task.sighand is None:
            min_flt = maj_flt = utime = stime = 0
    wchan = _ALL_ONES
    if permitted and (not whole or num_threads < 2):
        wchan = stacktrace.function_address(task.wchan)
    eip = esp = 0
    if mm is not None and permitted:
        esp = task.thread.user_sp()
        eip = task.thread.syscall_pc() if task is current else task.thread.user_pc()
    times = tuple(map(jiffies_to_clock_t, (utime, stime, cutime, cstime)))
    text: bytes = _STAT % (
        pid.task_pid_nr_ns(task, ns),
        string.to_bytes(task.comm),
        _LETTERS[(task.state & 0x0F | task.exit_state).bit_length()],
        *(ppid, pgid, sid, tty_nr, tty_pgrp, task.flags, min_flt, cmin_flt, maj_flt, cmaj_flt),
        *times,
        *(task.prio - MAX_RT_PRIO, kernel_sched.task_nice(task), num_threads, task.real_start_time // NSEC_PER_CLOCK_T),
        mm.total_vm << PAGE_SHIFT if mm else 0,
        mm.rss_anon + mm.rss_file if mm else 0,
        rsslim,
        (mm.start_code if permitted else 1) if mm else 0,
        (mm.end_code if permitted else 1) if mm else 0,
        mm.start_stack if permitted and mm else 0,
        *(esp, eip, task.pending.signal & 0x7FFFFFFF, task.blocked & 0x7FFFFFFF),
        *(sigign & 0x7FFFFFFF, sigcatch & 0x7FFFFFFF, wchan),
        *(task.exit_signal, task.cpu, task.rt_priority, int(task.policy)),
    )
    return text[:-1] + _later_stat(task, permitted=permitted, whole=whole) if "exit_code" in task.kernel.later else text


def _later_stat(task: Task, *, permitted: bool, whole: bool) -> bytes:
    """Return the fields from 45 on: addresses, and the exit code, of who may be traced."""
    mm, sig = task.mm, task.signal
    where = [0] * 7
    if mm is not None and permitted:
        where = [mm.start_data, mm.end_data, mm.start_brk, mm.arg_start, mm.arg_end, mm.env_start, mm.env_end]
    code = task.exit_code
    if whole and sig.flags & (SIGNAL_GROUP_EXIT | SIGNAL_STOP_STOPPED):
        code = sig.group_exit_code
    return b" %d %d %d %d %d %d %d %d\n" % (*where, code if permitted else 0)


# status.


def proc_pid_status(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return status (spec 18.2)."""
    later = task.kernel.later
    lines = [f"Name:\t{_escape(task.comm)}"]
    if "Umask" in later and task.fs is not None:
        lines.append(f"Umask:\t0{task.fs.umask:03o}")
    lines += task_state(current, ns, task)
    if "NSpid" in later:
        lines += _task_numbers(ns, task)
    if "Kthread" in later:
        lines.append(f"Kthread:\t{task.flags & PF_KTHREAD != 0:d}")
    if task.mm is not None:
        lines += task_mem(task.kernel, task.mm)
        if "CoreDumping" in later:
            lines.append(f"CoreDumping:\t{task.mm.core_state is not None:d}")
    lines += task_sig(task)
    lines += task_cap(task)
    lines += task_cpus_allowed(task)
    lines += ["Mems_allowed:\t00000000,00000001", "Mems_allowed_list:\t0"]
    lines += [f"voluntary_ctxt_switches:\t{task.nvcsw}", f"nonvoluntary_ctxt_switches:\t{task.nivcsw}", ""]
    return string.to_bytes("\n".join(lines))


def _escape(comm: str) -> str:
    return comm.replace("\\", "\\\\").replace("\n", "\\n")


def task_state(current: Task, ns: PidNamespace, p: Task) -> list[str]:
    cred = p.real_cred
    ppid = pid.task_tgid_nr_ns(p.real_parent, ns) if pid_alive(p) else 0
    tracer = pid.task_pid_nr_ns(p.parent, ns) if p.ptrace else 0
    groups = "".join(f"{gid_here(current, kgid)} " for kgid in cred.group_info[:NGROUPS_SMALL])
    uids = "\t".join([f"{uid_here(current, kuid)}" for kuid in (cred.uid, cred.euid, cred.suid, cred.fsuid)])
    gids = "\t".join([f"{gid_here(current, kgid)}" for kgid in (cred.gid, cred.egid, cred.sgid, cred.fsgid)])
    return [
        f"State:\t{get_task_state(p)}",
        f"Tgid:\t{pid.task_tgid_nr_ns(p, ns)}",
        f"Pid:\t{pid.task_pid_nr_ns(p, ns)}",
        f"PPid:\t{ppid}",
        f"TracerPid:\t{tracer}",
        f"Uid:\t{uids}",
        f"Gid:\t{gids}",
        f"FDSize:\t{p.files.max_fds if p.files is not None else 0}",
        f"Groups:\t{groups}",
    ]


def _task_numbers(ns: PidNamespace, p: Task) -> list[str]:
    """Return p's numbers in ns and in the namespaces below that it is in."""
    own = p.pids[PIDTYPE_PID]
    inner = [upid.ns for upid in own.numbers[ns.level :]] if own is not None else []
    numbers = {
        "NStgid": [pid.task_tgid_nr_ns(p, of) for of in inner],
        "NSpid": [pid.task_pid_nr_ns(p, of) for of in inner],
        "NSpgid": [pid.task_pgrp_nr_ns(p, of) for of in inner],
        "NSsid": [pid.task_session_nr_ns(p, of) for of in inner],
    }
    return [f"{name}:" + "".join([f"\t{nr}" for nr in found]) for name, found in numbers.items()]


def task_mem(k: Kernel, mm: MmStruct) -> list[str]:
    kinds: tuple[tuple[str, int], ...] = ()
    if "RssAnon" in k.later:
        shmem = task_mmu.shmem_rss(k, mm)
        kinds = (("RssAnon", mm.rss_anon * 4), ("RssFile", (mm.rss_file - shmem) * 4), ("RssShmem", shmem * 4))
    rss = mm.rss_anon + mm.rss_file
    data = mm.total_vm - mm.shared_vm - mm.stack_vm
    text_kb = (mm.end_code + PAGE_SIZE - 1 & PAGE_MASK) - (mm.start_code & PAGE_MASK) >> 10
    values = (
        ("VmPeak", max(mm.hiwater_vm, mm.total_vm) * 4),
        ("VmSize", mm.total_vm * 4),
        ("VmLck", mm.locked_vm * 4),
        ("VmPin", mm.pinned_vm * 4),
        ("VmHWM", max(mm.hiwater_rss, rss) * 4),
        ("VmRSS", rss * 4),
        *kinds,
        ("VmData", data * 4),
        ("VmStk", mm.stack_vm * 4),
        ("VmExe", text_kb),
        ("VmLib", mm.exec_vm * 4 - text_kb),
        ("VmPTE", mm.nr_ptes * 4),
        ("VmSwap", 0),
    )
    return [f"{name}:\t{value & _ALL_ONES:8d} kB" for name, value in values]


def task_sig(p: Task) -> list[str]:
    num_threads = qsize = qlim = pending = shared = blocked = ignored = caught = 0
    if p.sighand is not None:
        pending, shared, blocked = p.pending.signal, p.signal.shared_pending.signal, p.blocked
        ignored, caught = collect_sigign_sigcatch(p)
        num_threads = p.signal.nr_threads
        qsize = p.real_cred.user.sigpending
        qlim = p.signal.rlim[RLIMIT_SIGPENDING][0]
    sets = (("SigPnd", pending), ("ShdPnd", shared), ("SigBlk", blocked), ("SigIgn", ignored), ("SigCgt", caught))
    return [f"Threads:\t{num_threads}", f"SigQ:\t{qsize}/{qlim}"] + [f"{name}:\t{bits:016x}" for name, bits in sets]


def task_cap(p: Task) -> list[str]:
    cred = p.real_cred
    later = p.kernel.later
    return [
        f"CapInh:\t{cred.cap_inheritable:016x}",
        f"CapPrm:\t{cred.cap_permitted:016x}",
        f"CapEff:\t{cred.cap_effective:016x}",
        f"CapBnd:\t{cred.cap_bset:016x}",
        *([f"CapAmb:\t{cred.cap_ambient:016x}"] if "PR_CAP_AMBIENT" in later else []),
        *([f"NoNewPrivs:\t{p.no_new_privs:d}"] if "PR_SET_NO_NEW_PRIVS" in later else []),
        *([f"Seccomp:\t{p.seccomp_mode}"] if "SECCOMP_MODE_FILTER" in later else []),
        *([f"Seccomp_filters:\t{_seccomp_filters(p)}"] if "Seccomp_filters" in later else []),
    ]


def _seccomp_filters(p: Task) -> int:
    """Return how many filters of system calls p has."""
    f, count = p.seccomp_filter, 0
    while f is not None:
        f, count = f.prev, count + 1
    return count


def task_cpus_allowed(p: Task) -> list[str]:
    nr_cpus = p.kernel.nr_cpus
    mask = p.cpus_allowed & ((1 << nr_cpus) - 1)
    return [
        f"Cpus_allowed:\t{bitmap.bitmap_scnprintf(mask, nr_cpus)}",
        f"Cpus_allowed_list:\t{bitmap.bitmap_scnlistprintf(mask)}",
    ]
