"""The smaller files about a task (part of fs/proc/base.c; spec proc-kthreads 2)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import exec as fs_exec
from procession.fs.proc import task_mmu
from procession.include.linux.cgroup import CPUSET_SUBSYS_ID
from procession.include.linux.cred import CAP_SYS_RESOURCE, CAP_SYSLOG
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.latencytop import show_latency_record
from procession.include.linux.mm_types import MMF_DUMP_FILTER_MASK, PAGE_SIZE
from procession.include.linux.proc_fs import PROC_NUMBUF
from procession.include.linux.resource import RLIM_INFINITY
from procession.include.linux.sched import TASK_COMM_LEN, same_thread_group
from procession.kernel import capability, cgroup, cgroup_procs, latencytop, pid, ptrace_access, sched_select, stacktrace
from procession.lib import kstrtox, string, vsprintf
from procession.mm import gup, oom_kill, uaccess

if TYPE_CHECKING:
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.pid import PidNamespace
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr

__all__ = (
    "children_show",
    "comm_show",
    "comm_write",
    "environ",
    "kptr_hidden",
    "lstats_show_proc",
    "lstats_write",
    "oom_adjust_show",
    "oom_adjust_write",
    "oom_score_adj_show",
    "oom_score_adj_write",
    "proc_cgroup_show",
    "proc_coredump_filter_read",
    "proc_coredump_filter_write",
    "proc_cpuset_show",
    "proc_io_accounting",
    "proc_oom_score",
    "proc_pid_auxv",
    "proc_pid_cmdline",
    "proc_pid_limits",
    "proc_pid_personality",
    "proc_pid_stack",
    "proc_pid_syscall",
    "proc_pid_wchan",
    "proc_tid_io_accounting",
    "sched_show",
    "sched_write",
)

OOM_DISABLE: Final = -17
OOM_ADJUST_MAX: Final = 15
OOM_SCORE_ADJ_MAX: Final = 1000
_END_OF_TRACE: Final = 0xFFFFFFFFFFFFFFFF

# name, unit; index = Rlimit
_LIMITS: Final = (
    ("Max cpu time", "seconds"),
    ("Max file size", "bytes"),
    ("Max data size", "bytes"),
    ("Max stack size", "bytes"),
    ("Max core file size", "bytes"),
    ("Max resident set", "bytes"),
    ("Max processes", "processes"),
    ("Max open files", "files"),
    ("Max locked memory", "bytes"),
    ("Max address space", "bytes"),
    ("Max file locks", "locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""),
    ("Max realtime priority", ""),
    ("Max realtime timeout", "us"),
)


def _read_vm(task: Task, address: int, count: int) -> bytes:
    got = gup.access_process_vm(task, address, count)
    assert isinstance(got, bytes)
    return got


def _check_access(current: Task, task: Task, mode: int, errno: Errno) -> None:
    if not ptrace_access.ptrace_may_access(current, task, mode):
        raise LinuxError(errno, "needs the right to trace")


def proc_pid_cmdline(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the arguments, each with its NUL, at most a page; nothing for kernel threads and the dead.

    If the last byte is not NUL any more the program has written a title there, which may go on in the environment.
    """
    mm = task.mm
    if mm is None:
        return b""
    if mm.host_args:
        return mm.host_args[:PAGE_SIZE]
    if not mm.arg_end:
        return b""
    length = min(mm.arg_end - mm.arg_start, PAGE_SIZE)
    text = _read_vm(task, mm.arg_start, length)
    if text and text[-1] and length < PAGE_SIZE:
        end = text.find(0)
        if end >= 0:
            return text[:end]
        text += _read_vm(task, mm.env_start, min(mm.env_end - mm.env_start, PAGE_SIZE - len(text)))
        return text.split(b"\0", 1)[0]
    return text


def environ(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the environment as it was at exec; raises EACCES."""
    mm: MmStruct | None = task_mmu.mm_for_maps(current, task)
    if mm is None:
        return b""
    if mm.host_env:
        return mm.host_env
    return _read_vm(task, mm.env_start, mm.env_end - mm.env_start) if mm.env_end > mm.env_start else b""


def proc_pid_auxv(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the auxiliary vector up to and with AT_NULL; raises EACCES."""
    mm = task_mmu.mm_for_maps(current, task)
    if mm is None or not mm.saved_auxv:
        return b""
    raw = mm.saved_auxv + bytes(16)  # 3.2 looks for the end in words of 64 bits, also where they have 32
    for at in range(0, len(raw) - 15, 16):
        if struct.unpack_from("<Q", raw, at)[0] == 0:
            return raw[: at + 16]
    return raw


def proc_pid_personality(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the personality in hex; raises EPERM."""
    _check_access(current, task, ptrace_access.PTRACE_MODE_ATTACH, Errno.EPERM)
    return b"%08x\n" % task.personality


def proc_pid_limits(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the resource limits as a table."""
    if task.sighand is None:
        return b""
    lines = [f"{'Limit':<25} {'Soft Limit':<20} {'Hard Limit':<20} {'Units':<10}\n"]
    for (name, unit), (soft, hard) in zip(_LIMITS, task.signal.rlim, strict=True):
        line = f"{name:<25} {_limit(soft):<20} {_limit(hard):<20} "
        lines.append(line + (f"{unit:<10}\n" if unit else "\n"))
    return "".join(lines).encode()


def _limit(value: int) -> str:
    return "unlimited" if value == RLIM_INFINITY else str(value)


def sched_show(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return what the scheduler knows (proc_sched_show_task).

    Differs: of what CONFIG_SCHEDSTATS adds, there is only how a task came to its CPUs, and that on several.
    The number is the global one, whoever reads. Reading the clock twice takes no time here, so clock-delta is 0.
    """
    se = task.se
    threads = task.signal.nr_threads if task.sighand is not None else 0
    rows = (
        ("se.exec_start", _ms(se.exec_start)),
        ("se.vruntime", _ms(se.vruntime)),
        ("se.sum_exec_runtime", _ms(se.sum_exec_runtime)),
        *_migrations(task),
        ("nr_switches", str(task.nvcsw + task.nivcsw)),
        ("nr_voluntary_switches", str(task.nvcsw)),
        ("nr_involuntary_switches", str(task.nivcsw)),
        ("se.load.weight", str(se.weight)),
        ("policy", str(int(task.policy))),
        ("prio", str(task.prio)),
        ("clock-delta", "0"),
    )
    head = f"{task.comm} ({task.pid}, #threads: {threads})\n{'-' * 57}\n"
    body = "".join(f"{name:<35}:{value:>21}\n" for name, value in rows)
    return string.to_bytes(head + body)


def _migrations(task: Task) -> list[tuple[str, str]]:
    if task.kernel.nr_cpus == 1:
        return []
    stat = sched_select.statistics(task)
    counts = (
        ("migrations_cold", stat.nr_migrations_cold),
        ("failed_migrations_affine", stat.nr_failed_migrations_affine),
        ("failed_migrations_running", stat.nr_failed_migrations_running),
        ("failed_migrations_hot", stat.nr_failed_migrations_hot),
        ("forced_migrations", stat.nr_forced_migrations),
        ("wakeups", stat.nr_wakeups),
        ("wakeups_sync", stat.nr_wakeups_sync),
        ("wakeups_migrate", stat.nr_wakeups_migrate),
        ("wakeups_local", stat.nr_wakeups_local),
        ("wakeups_remote", stat.nr_wakeups_remote),
        ("wakeups_affine", stat.nr_wakeups_affine),
        ("wakeups_affine_attempts", stat.nr_wakeups_affine_attempts),
        ("wakeups_passive", 0),
        ("wakeups_idle", 0),
    )
    lines = [("se.nr_migrations", str(task.se.nr_migrations))]
    return lines + [(f"se.statistics.nr_{name}", str(count)) for name, count in counts]


def sched_write(current: Task, task: Task, buf: UserPtr, count: int) -> int:
    """Take anything, without looking: what it would reset is statistics that are not kept (proc_sched_set_task)."""
    return count


def _ms(ns: int) -> str:
    sign = "-" if ns < 0 else ""
    ns = abs(ns)
    return f"{sign}{ns // 1_000_000}.{ns % 1_000_000:06d}"


def comm_show(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the command name."""
    return string.to_bytes(task.comm) + b"\n"


def comm_write(current: Task, task: Task, buf: UserPtr, count: int) -> int:
    """Set the command name of a thread of one's own process; returns at most 15, the bytes of the name.

    Raises EFAULT, and EINVAL for another process's thread.
    """
    data = uaccess.copy_from_user(current, buf, min(count, TASK_COMM_LEN - 1))
    if not same_thread_group(current, task):
        raise LinuxError(Errno.EINVAL, "another process's name")
    fs_exec.set_task_comm(task, string.to_text(data.split(b"\0", 1)[0]))
    return len(data)


def proc_pid_syscall(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the system call that a task is in, its arguments, stack and program counter; raises EPERM.

    It must not be running, unless it is the reader itself.
    """
    _check_access(current, task, ptrace_access.PTRACE_MODE_ATTACH, Errno.EPERM)
    if task.state == 0 and task is not current:
        return b"running\n"
    nr = task.thread.syscall_nr()
    sp, pc = task.thread.user_sp(), task.thread.syscall_pc() if task is current else task.thread.user_pc()
    if nr < 0:
        return b"-1 0x%x 0x%x\n" % (sp, pc)
    return b"%d 0x%x 0x%x 0x%x 0x%x 0x%x 0x%x 0x%x 0x%x\n" % (nr, *task.thread.syscall_get_arguments(), sp, pc)


def proc_pid_wchan(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the function that the task sleeps in, 0 if it does not, without a newline."""
    return task.wchan.encode() or b"0"


def proc_pid_stack(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the kernel stack; raises EPERM."""
    _check_access(current, task, ptrace_access.PTRACE_MODE_ATTACH, Errno.EPERM)
    hidden = kptr_hidden(current)
    lines = [stacktrace.print_ip_sym(name, hidden=hidden) + "\n" for name in stacktrace.save_stack_trace_tsk(task)]
    end = 0 if hidden else _END_OF_TRACE
    return f"{''.join(lines)}[<{end:016x}>] {_END_OF_TRACE:#x}\n".encode()


def kptr_hidden(current: Task) -> bool:
    """Whether %pK is to show zeros (kptr_restrict)."""
    restrict = current.kernel.kptr_restrict
    return restrict == 2 or (restrict == 1 and not capability.has_capability(current, CAP_SYSLOG))


def lstats_show_proc(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return what the task has slept for, while that was counted."""
    records = task.latency_record or ()
    return ("Latency Top version : v0.1\n" + "".join(map(show_latency_record, records))).encode()


def lstats_write(current: Task, task: Task, buf: UserPtr, count: int) -> int:
    """Forget it, whatever is written."""
    latencytop.clear_all_latency_tracing(task)
    return count


def proc_coredump_filter_read(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return in hex which memory is in a core; nothing for who has none."""
    return b"%08x\n" % task.mm.dump_filter if task.mm is not None else b""


def proc_coredump_filter_write(current: Task, task: Task, buf: UserPtr, count: int) -> int:
    """Set it, by the number that is written; returns how much of that was one. Raises EFAULT, EINVAL."""
    data = uaccess.copy_from_user(current, buf, min(count, PROC_NUMBUF - 1))
    value, end = vsprintf.simple_strtoul(data)
    if data[end : end + 1] == b"\n":
        end += 1
    if not end:
        raise LinuxError(Errno.EINVAL, "not a number")
    if task.mm is not None:
        task.mm.dump_filter = value & MMF_DUMP_FILTER_MASK
    return end


def proc_cgroup_show(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return one line per hierarchy of control groups."""
    return string.to_bytes(cgroup_procs.proc_cgroup_show(task))


def proc_cpuset_show(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the path of the task's cpuset."""
    return string.to_bytes(f"{cgroup.cgroup_path(cgroup.task_cgroup(task, CPUSET_SUBSYS_ID))}\n")


def proc_io_accounting(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the I/O counters of a process, its threads that have ended included; raises EACCES."""
    return _do_io_accounting(current, task, whole=True)


def proc_tid_io_accounting(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the I/O counters of one thread; raises EACCES."""
    return _do_io_accounting(current, task, whole=False)


def _do_io_accounting(current: Task, task: Task, *, whole: bool) -> bytes:
    _check_access(current, task, ptrace_access.PTRACE_MODE_READ, Errno.EACCES)
    sig = task.signal
    threads = list(sig.threads) if whole and task.sighand is not None else [task]
    rchar, wchar, syscr, syscw = sig.ioac if whole else (0, 0, 0, 0)
    read, written = (sig.inblock, sig.oublock) if whole else (0, 0)
    for t in threads:
        rchar, wchar, syscr, syscw = rchar + t.rchar, wchar + t.wchar, syscr + t.syscr, syscw + t.syscw
        read, written = read + t.inblock, written + t.oublock
    return (
        b"rchar: %d\nwchar: %d\nsyscr: %d\nsyscw: %d\nread_bytes: %d\nwrite_bytes: %d\ncancelled_write_bytes: 0\n"
    ) % (rchar, wchar, syscr, syscw, read * 512, written * 512)


# The OOM killer's view.


def proc_oom_score(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return how bad the task looks to the OOM killer, 0 to 1000."""
    return b"%d\n" % (oom_kill.oom_badness(task.kernel, task) if task.exit_state == 0 else 0)


def oom_adjust_show(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the old adjustment, -17 to 15."""
    return b"%d\n" % (task.signal.oom_adj if task.sighand is not None else OOM_DISABLE)


def oom_score_adj_show(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the adjustment, -1000 to 1000."""
    return b"%d\n" % (task.signal.oom_score_adj if task.sighand is not None else -OOM_SCORE_ADJ_MAX)


def _divide(value: int, by: int) -> int:
    """C's division: towards zero."""
    return -(-value // by) if value < 0 else value // by


def oom_adjust_write(current: Task, task: Task, buf: UserPtr, count: int) -> int:
    """Set the old adjustment, and the new one by it; returns at most 12, the bytes that were looked at.

    Raises EFAULT, EINVAL, ERANGE, ESRCH, and EACCES for less than before.
    """
    data = uaccess.copy_from_user(current, buf, min(count, PROC_NUMBUF - 1))
    value = kstrtox.kstrtoint(string.strim(data))
    if not OOM_DISABLE <= value <= OOM_ADJUST_MAX:
        raise LinuxError(Errno.EINVAL, "oom_adj: -17 to 15")
    sig = task.signal
    if task.sighand is None:
        raise LinuxError(Errno.ESRCH, "the task is gone")
    if task.mm is None:
        raise LinuxError(Errno.EINVAL, "no memory to give back")
    if value < sig.oom_adj and not capability.capable(current, CAP_SYS_RESOURCE):
        raise LinuxError(Errno.EACCES, "oom_adj: needs CAP_SYS_RESOURCE")
    current.kernel.printk_once(
        "oom_adjust_write",
        f"{current.comm} ({current.pid}): /proc/{task.pid}/oom_adj is deprecated, "
        f"please use /proc/{task.pid}/oom_score_adj instead.",
    )
    sig.oom_adj = value
    # The top of the old scale is the top of the new one, though the division would not say so.
    sig.oom_score_adj = _divide(value * OOM_SCORE_ADJ_MAX, -OOM_DISABLE)
    if value == OOM_ADJUST_MAX:
        sig.oom_score_adj = OOM_SCORE_ADJ_MAX
    return len(data)


def oom_score_adj_write(current: Task, task: Task, buf: UserPtr, count: int) -> int:
    """Set the adjustment; returns at most 12, the bytes that were looked at.

    Raises EFAULT, EINVAL, ERANGE, ESRCH, and EACCES below what a privileged task once set.
    """
    data = uaccess.copy_from_user(current, buf, min(count, PROC_NUMBUF - 1))
    value = kstrtox.kstrtoint(string.strim(data))
    if not -OOM_SCORE_ADJ_MAX <= value <= OOM_SCORE_ADJ_MAX:
        raise LinuxError(Errno.EINVAL, "oom_score_adj: -1000 to 1000")
    sig = task.signal
    if task.sighand is None:
        raise LinuxError(Errno.ESRCH, "the task is gone")
    if task.mm is None:
        raise LinuxError(Errno.EINVAL, "no memory to give back")
    privileged = capability.has_capability(current, CAP_SYS_RESOURCE)
    if value < sig.oom_score_adj_min and not privileged:
        raise LinuxError(Errno.EACCES, "oom_score_adj: needs CAP_SYS_RESOURCE")
    sig.oom_score_adj = value
    if privileged:
        sig.oom_score_adj_min = value
    sig.oom_adj = OOM_DISABLE if value == -OOM_SCORE_ADJ_MAX else _divide(value * OOM_ADJUST_MAX, OOM_SCORE_ADJ_MAX)
    return len(data)


def children_show(current: Task, ns: PidNamespace, p: Task) -> bytes:
    """Return the numbers of the thread's children, a blank behind each (children_seq_show)."""
    with p.kernel.tasklist_lock.read():
        return b"".join([b"%d " % pid.task_pid_nr_ns(child, ns) for child in p.children])
