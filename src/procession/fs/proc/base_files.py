"""The smaller files about a task (part of fs/proc/base.c; spec proc-kthreads 2)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.fs import exec as fs_exec
from procession.fs.proc import task_mmu
from procession.include.linux.cred import CAP_SYS_RESOURCE
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.resource import RLIM_INFINITY
from procession.include.linux.sched import TASK_COMM_LEN, same_thread_group
from procession.kernel import capability, pid, ptrace
from procession.mm import gup, oom_kill

if TYPE_CHECKING:
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.pid import PidNamespace
    from procession.include.linux.sched import Task

__all__ = (
    "comm_show",
    "comm_write",
    "environ",
    "oom_adjust_show",
    "oom_adjust_write",
    "oom_score_adj_show",
    "oom_score_adj_write",
    "proc_cgroup_show",
    "proc_io_accounting",
    "proc_oom_score",
    "proc_pid_auxv",
    "proc_pid_cmdline",
    "proc_pid_limits",
    "proc_pid_personality",
    "proc_pid_stack",
    "proc_pid_syscall",
    "proc_pid_wchan",
    "sched_show",
)

OOM_DISABLE: Final = -17
OOM_ADJUST_MAX: Final = 15
OOM_SCORE_ADJ_MAX: Final = 1000

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
    if not ptrace.ptrace_may_access(current, task, mode):
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
    if mm is None:
        return b""
    raw = mm.saved_auxv
    for at in range(0, len(raw) - 15, 16):
        if struct.unpack_from("<Q", raw, at)[0] == 0:
            return raw[: at + 16]
    return raw


def proc_pid_personality(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the personality in hex; raises EPERM."""
    _check_access(current, task, ptrace.PTRACE_MODE_ATTACH, Errno.EPERM)
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
    """Return what the scheduler knows. Differs: only the lines whose values exist here (proc_sched_show_task)."""
    se = task.se
    threads = task.signal.nr_threads if task.sighand is not None else 0
    rows = (
        ("se.exec_start", _ms(se.exec_start)),
        ("se.vruntime", _ms(se.vruntime)),
        ("se.sum_exec_runtime", _ms(se.sum_exec_runtime)),
        ("nr_switches", str(task.nvcsw + task.nivcsw)),
        ("nr_voluntary_switches", str(task.nvcsw)),
        ("nr_involuntary_switches", str(task.nivcsw)),
        ("se.load.weight", str(se.weight)),
        ("policy", str(int(task.policy))),
        ("prio", str(task.prio)),
    )
    head = f"{task.comm} ({pid.task_pid_nr_ns(task, ns)}, #threads: {threads})\n{'-' * 57}\n"
    body = "".join(f"{name:<35}:{value:>21}\n" for name, value in rows)
    return (head + body).encode("utf-8", "surrogateescape")


def _ms(ns: int) -> str:
    sign = "-" if ns < 0 else ""
    ns = abs(ns)
    return f"{sign}{ns // 1_000_000}.{ns % 1_000_000:06d}"


def comm_show(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the command name."""
    return task.comm.encode("utf-8", "surrogateescape") + b"\n"


def comm_write(current: Task, task: Task, data: bytes) -> None:
    """Set the command name of a thread of one's own process, cut to 15 bytes; raises EINVAL for another's."""
    if not same_thread_group(current, task):
        raise LinuxError(Errno.EINVAL, "another process's name")
    name = data[: TASK_COMM_LEN - 1].split(b"\0", 1)[0]
    fs_exec.set_task_comm(task, name.decode("utf-8", "surrogateescape"))


def proc_pid_syscall(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the system call a blocked task is in, stack and program counter; raises EPERM.

    Differs: the arguments are shown as 0.
    """
    _check_access(current, task, ptrace.PTRACE_MODE_ATTACH, Errno.EPERM)
    if task.state == 0 or task.mm is None:
        return b"running\n"
    nr = task.thread.syscall_nr()
    sp, pc = task.thread.user_sp(), task.thread.user_pc()
    if nr < 0:
        return b"-1 0x%x 0x%x\n" % (sp, pc)
    return b"%d 0x0 0x0 0x0 0x0 0x0 0x0 0x%x 0x%x\n" % (nr, sp, pc)


def proc_pid_wchan(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the function that the task sleeps in, 0 if it does not, without a newline."""
    return task.wchan.encode() or b"0"


def proc_pid_stack(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the kernel stack; raises EPERM. Differs: only its sleeping function is known."""
    _check_access(current, task, ptrace.PTRACE_MODE_ATTACH, Errno.EPERM)
    top = f"[<0000000000000000>] {task.wchan}+0x0/0x0\n" if task.wchan else ""
    return (top + "[<ffffffffffffffff>] 0xffffffffffffffff\n").encode()


def proc_cgroup_show(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return one line per mounted cgroup hierarchy: there is none."""
    return b""


def proc_io_accounting(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the I/O counters; raises EACCES. Differs: characters and calls are not counted."""
    _check_access(current, task, ptrace.PTRACE_MODE_READ, Errno.EACCES)
    sig = task.signal
    read = sig.inblock + sum(t.inblock for t in sig.threads)
    written = sig.oublock + sum(t.oublock for t in sig.threads)
    return (
        f"rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: {read * 512}\nwrite_bytes: {written * 512}\n"
        "cancelled_write_bytes: 0\n"
    ).encode()


# The OOM killer's view.


def proc_oom_score(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return how bad the task looks to the OOM killer, 0 to 1000."""
    return b"%d\n" % (oom_kill.oom_badness(task.kernel, task) if task.exit_state == 0 else 0)


def oom_adjust_show(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the old adjustment, -17 to 15."""
    return b"%d\n" % (task.signal.oom_adj if task.sighand is not None else OOM_DISABLE)


def oom_score_adj_show(current: Task, ns: PidNamespace, task: Task) -> bytes:
    """Return the adjustment, -1000 to 1000."""
    return b"%d\n" % (task.signal.oom_score_adj if task.sighand is not None else 0)


def parse_int(data: bytes) -> int:
    """Return the number that was written: decimal, 0x… or octal 0…, as kstrtoint reads it; raises EINVAL."""
    text = data.split(b"\0", 1)[0].strip()
    digits = text.lstrip(b"+-")
    base = 16 if digits[:2].lower() == b"0x" else 8 if digits[:1] == b"0" and len(digits) > 1 else 10
    try:
        return int(text, base)
    except ValueError:
        raise LinuxError(Errno.EINVAL, "not a number") from None


def _divide(value: int, by: int) -> int:
    """C's division: towards zero."""
    return -(-value // by) if value < 0 else value // by


def oom_adjust_write(current: Task, task: Task, data: bytes) -> None:
    """Set the old adjustment, and the new one by it; raises EINVAL, ESRCH, EACCES for less than before."""
    value = parse_int(data)
    if not OOM_DISABLE <= value <= OOM_ADJUST_MAX:
        raise LinuxError(Errno.EINVAL, "oom_adj: -17 to 15")
    sig = task.signal
    if task.sighand is None:
        raise LinuxError(Errno.ESRCH, "the task is gone")
    if value < sig.oom_adj and not capability.capable(current, CAP_SYS_RESOURCE):
        raise LinuxError(Errno.EACCES, "oom_adj: needs CAP_SYS_RESOURCE")
    sig.oom_adj = value
    # The top of the old scale is the top of the new one, though the division would not say so.
    sig.oom_score_adj = _divide(value * OOM_SCORE_ADJ_MAX, -OOM_DISABLE)
    if value == OOM_ADJUST_MAX:
        sig.oom_score_adj = OOM_SCORE_ADJ_MAX


def oom_score_adj_write(current: Task, task: Task, data: bytes) -> None:
    """Set the adjustment; raises EINVAL, ESRCH, EACCES below what a privileged task once set."""
    value = parse_int(data)
    if not -OOM_SCORE_ADJ_MAX <= value <= OOM_SCORE_ADJ_MAX:
        raise LinuxError(Errno.EINVAL, "oom_score_adj: -1000 to 1000")
    sig = task.signal
    if task.sighand is None:
        raise LinuxError(Errno.ESRCH, "the task is gone")
    privileged = capability.has_capability(current, CAP_SYS_RESOURCE)
    if value < sig.oom_score_adj_min and not privileged:
        raise LinuxError(Errno.EACCES, "oom_score_adj: needs CAP_SYS_RESOURCE")
    sig.oom_score_adj = value
    if privileged:
        sig.oom_score_adj_min = value
    sig.oom_adj = OOM_DISABLE if value == -OOM_SCORE_ADJ_MAX else _divide(value * OOM_ADJUST_MAX, OOM_SCORE_ADJ_MAX)
