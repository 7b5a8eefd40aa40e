"""The task and what threads of a process share (include/linux/sched.h)."""

from __future__ import annotations

from collections.abc import Coroutine
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Annotated, Any

from procession.include.linux.signal import DEFAULT_ACTION, NSIG, KSigaction, Sigpending
from procession.include.linux.types import Arg, UserPtr

if TYPE_CHECKING:
    from procession.include.asm.processor import ThreadStruct
    from procession.include.linux.cred import Cred
    from procession.include.linux.fdtable import FilesStruct
    from procession.include.linux.fs_struct import FsStruct
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.nsproxy import Nsproxy, UserNamespace
    from procession.include.linux.pid import Pid
    from procession.include.linux.spinlock import SpinLock
    from procession.include.linux.tty import TtyStruct
    from procession.include.linux.wait import Completion, WaitQueueHead

__all__ = (
    "PF",
    "TIF",
    "CloneArg",
    "CloneFlags",
    "CpuMaskIn",
    "CpuMaskOut",
    "ExitState",
    "JobCtl",
    "ParamIn",
    "ParamOut",
    "PolicyArg",
    "SchedEntity",
    "SchedPolicy",
    "SetnsArg",
    "SighandStruct",
    "SignalFlags",
    "SignalStruct",
    "Task",
    "TaskState",
    "UnshareArg",
    "UserStruct",
    "delay_group_leader",
    "get_task_struct",
    "pid_alive",
    "same_thread_group",
    "signal_group_exit",
    "thread_group_empty",
    "thread_group_leader",
)

TASK_COMM_LEN = 16


# Plain int constants, grouped by class: an IntFlag costs 200 ns an operation, too much for the paths of a fork.
class TaskState:
    """Task.state (spec 1.1)."""

    RUNNING = 0
    INTERRUPTIBLE = 1
    UNINTERRUPTIBLE = 2
    STOPPED_BIT = 4
    TRACED_BIT = 8
    DEAD = 64
    WAKEKILL = 128
    WAKING = 256
    KILLABLE = 128 + 2
    STOPPED = 128 + 4
    TRACED = 128 + 8
    NORMAL = 1 + 2
    ALL = 1 + 2 + 4 + 8


class ExitState:
    """Task.exit_state."""

    NONE = 0
    ZOMBIE = 16
    DEAD = 32


class PF:
    """Task.flags (spec 1.3)."""

    STARTING = 0x2
    EXITING = 0x4
    EXITPIDONE = 0x8
    WQ_WORKER = 0x20
    FORKNOEXEC = 0x40
    SUPERPRIV = 0x100
    DUMPCORE = 0x200
    SIGNALED = 0x400
    MEMALLOC = 0x800
    NPROC_EXCEEDED = 0x1000
    USED_MATH = 0x2000
    NOFREEZE = 0x8000
    KTHREAD = 0x200000
    RANDOMIZE = 0x400000
    THREAD_BOUND = 0x4000000
    FREEZER_NOSIG = 0x80000000


class TIF:
    """Task.ti_flags: work to do before the task returns to user mode (thread_info.flags)."""

    SYSCALL_TRACE = 1
    SIGPENDING = 4
    NEED_RESCHED = 8
    SINGLESTEP = 16
    FORK = 1 << 18  # has not run yet: schedule_tail() is due
    MEMDIE = 0x100000
    RESTORE_SIGMASK = 1 << 24  # TS_RESTORE_SIGMASK, kept in the same word


class JobCtl:
    """Task.jobctl: the low 16 bits are the number of the last stop signal."""

    STOP_SIGMASK = 0xFFFF
    STOP_DEQUEUED = 1 << 16
    STOP_PENDING = 1 << 17
    STOP_CONSUME = 1 << 18
    TRAP_STOP = 1 << 19
    TRAP_NOTIFY = 1 << 20
    TRAPPING = 1 << 21
    LISTENING = 1 << 22
    TRAP_MASK = TRAP_STOP | TRAP_NOTIFY
    PENDING_MASK = STOP_PENDING | TRAP_STOP | TRAP_NOTIFY


class SignalFlags:
    """SignalStruct.flags."""

    STOP_STOPPED = 1
    STOP_CONTINUED = 2
    GROUP_EXIT = 4
    CLD_STOPPED = 0x10
    CLD_CONTINUED = 0x20
    CLD_MASK = 0x30
    UNKILLABLE = 0x40


class CloneFlags(IntFlag):
    """Flags of clone(2) and unshare(2) (spec 2.1); the low byte is the exit signal."""

    VM = 0x100
    FS = 0x200
    FILES = 0x400
    SIGHAND = 0x800
    PTRACE = 0x2000
    VFORK = 0x4000
    PARENT = 0x8000
    THREAD = 0x10000
    NEWNS = 0x20000
    SYSVSEM = 0x40000
    SETTLS = 0x80000
    PARENT_SETTID = 0x100000
    CHILD_CLEARTID = 0x200000
    DETACHED = 0x400000
    UNTRACED = 0x800000
    CHILD_SETTID = 0x1000000
    NEWUTS = 0x4000000
    NEWIPC = 0x8000000
    NEWUSER = 0x10000000
    NEWPID = 0x20000000
    NEWNET = 0x40000000
    IO = 0x80000000


CSIGNAL = 0xFF


class SchedPolicy(IntEnum):
    """Scheduling policies; RESET_ON_FORK may be or-ed in by sched_setscheduler(2)."""

    OTHER = 0
    NORMAL = 0
    FIFO = 1
    RR = 2
    BATCH = 3
    IDLE = 5


SCHED_RESET_ON_FORK = 0x40000000

PolicyArg = Annotated[int, Arg("int", 32, signed=True, values=SchedPolicy, prefix="SCHED_")]
ParamIn = Annotated[UserPtr, Arg("struct sched_param")]
ParamOut = Annotated[UserPtr, Arg("struct sched_param", out=True)]
CpuMaskIn = Annotated[UserPtr, Arg("cpumask")]
CpuMaskOut = Annotated[UserPtr, Arg("cpumask", out=True)]
CloneArg = Annotated[int, Arg("clone_flags", 64, flags=CloneFlags, prefix="CLONE_")]
_UNSHARED = (
    CloneFlags.VM,
    CloneFlags.FS,
    CloneFlags.FILES,
    CloneFlags.SIGHAND,
    CloneFlags.THREAD,
    CloneFlags.NEWNS,
    CloneFlags.SYSVSEM,
    CloneFlags.NEWUTS,
    CloneFlags.NEWIPC,
    CloneFlags.NEWNET,
)
UnshareArg = Annotated[int, Arg("int", 64, flags=CloneFlags, prefix="CLONE_", accepts=_UNSHARED)]
SetnsArg = Annotated[
    int,
    Arg(
        "int",
        32,
        signed=True,
        flags=CloneFlags,
        prefix="CLONE_",
        accepts=(CloneFlags.NEWUTS, CloneFlags.NEWIPC, CloneFlags.NEWNET),
    ),
]


class SchedEntity:
    """CFS's view of a task (struct sched_entity). Times and vruntime in ns."""

    __slots__ = ("exec_start", "on_rq", "prev_sum_exec_runtime", "serial", "sum_exec_runtime", "vruntime", "weight")

    def __init__(self) -> None:
        self.weight = 1024
        self.vruntime = 0
        self.serial = 0  # breaks ties of vruntime: later enqueued, later run
        self.on_rq = False
        self.exec_start = 0
        self.sum_exec_runtime = 0
        self.prev_sum_exec_runtime = 0


class SighandStruct:
    """Signal actions, shared by CLONE_SIGHAND (struct sighand_struct)."""

    __slots__ = ("action", "count", "siglock", "signalfd_wqh")

    def __init__(self, siglock: SpinLock) -> None:
        self.count = 1
        self.action: list[KSigaction] = [DEFAULT_ACTION] * NSIG  # index = signal - 1
        self.siglock = siglock
        self.signalfd_wqh: WaitQueueHead | None = None  # made when first used


class SignalStruct:
    """What the threads of one process share (struct signal_struct, spec 1.5)."""

    __slots__ = (
        # Counters (tasklist_lock and siglock).
        "sigcnt",
        "live",
        "nr_threads",
        # Leader first, then by birth (the thread_group ring); tasklist_lock.
        "threads",
        "wait_chldexit",
        # siglock.
        "curr_target",
        "shared_pending",
        "group_exit_code",
        "notify_count",
        "group_exit_task",
        "group_stop_count",
        "flags",
        "posix_timers",
        "it_real_timer",
        "it_real_incr_ns",
        "leader_pid",
        "it",
        "cputime_expires",
        "tty_old_pgrp",
        "leader",
        "tty",
        # Totals of dead threads, and of reaped children (c...); times in ns.
        "utime",
        "stime",
        "cutime",
        "cstime",
        "nvcsw",
        "nivcsw",
        "cnvcsw",
        "cnivcsw",
        "min_flt",
        "maj_flt",
        "cmin_flt",
        "cmaj_flt",
        "inblock",
        "oublock",
        "cinblock",
        "coublock",
        "maxrss",
        "cmaxrss",
        "sum_sched_runtime",
        # group_leader.alloc_lock.
        "rlim",
        "oom_adj",
        "oom_score_adj",
        "oom_score_adj_min",
        "cred_guard_mutex",
    )

    sigcnt: int
    live: int
    nr_threads: int
    threads: dict[Task, None]
    wait_chldexit: WaitQueueHead
    curr_target: Task | None
    shared_pending: Sigpending
    group_exit_code: int
    notify_count: int
    group_exit_task: Task | None
    group_stop_count: int
    flags: int
    posix_timers: dict[int, Any] | None
    it_real_timer: Any
    it_real_incr_ns: int
    leader_pid: Pid | None
    it: Any
    cputime_expires: Any
    tty_old_pgrp: Pid | None
    leader: bool
    tty: TtyStruct | None
    utime: int
    stime: int
    cutime: int
    cstime: int
    nvcsw: int
    nivcsw: int
    cnvcsw: int
    cnivcsw: int
    min_flt: int
    maj_flt: int
    cmin_flt: int
    cmaj_flt: int
    inblock: int
    oublock: int
    cinblock: int
    coublock: int
    maxrss: int
    cmaxrss: int
    sum_sched_runtime: int
    rlim: list[tuple[int, int]]
    oom_adj: int
    oom_score_adj: int
    oom_score_adj_min: int
    cred_guard_mutex: Any


class UserStruct:
    """Per-user counts (struct user_struct)."""

    __slots__ = ("count", "processes", "sigpending", "uid", "user_ns")

    def __init__(self, uid: int, user_ns: UserNamespace) -> None:
        self.uid = uid
        self.user_ns = user_ns
        self.count = 1
        self.processes = 0
        self.sigpending = 0


class Task:
    """A thread: the thing the scheduler runs (struct task_struct, spec 1.3)."""

    __slots__ = (
        # Fixed at birth.
        "kernel",
        # The task itself and the scheduler (pi_lock, rq lock).
        "state",
        "ti_flags",
        "stack",
        "thread",
        "usage",
        "flags",
        "on_cpu",
        "cpu",
        "prio",
        "static_prio",
        "normal_prio",
        "rt_priority",
        "policy",
        "sched_reset_on_fork",
        "se",
        "rt_time_slice",
        "cpus_allowed",
        "wchan",
        "waiting_on",
        # tasklist_lock.
        "exit_state",
        "exit_code",
        "exit_signal",
        "pdeath_signal",
        "did_exec",
        "pid",
        "tgid",
        "real_parent",
        "parent",
        "children",
        "group_leader",
        "ptraced",
        "pids",
        "self_exec_id",
        "parent_exec_id",
        "ptrace",
        # alloc_lock.
        "alloc_lock",
        "comm",
        "mm",
        "active_mm",
        "files",
        "fs",
        "nsproxy",
        # RCU; changed by the task itself only.
        "real_cred",
        "cred",
        # sighand.siglock.
        "signal",
        "sighand",
        "pending",
        "blocked",
        "real_blocked",
        "jobctl",
        "last_siginfo",
        "ptrace_message",
        # Only the task itself.
        "saved_sigmask",
        "sas_ss_sp",
        "sas_ss_size",
        "restart_block",
        "vfork_done",
        "set_child_tid",
        "clear_child_tid",
        "robust_list",
        "utime",
        "stime",
        "nvcsw",
        "nivcsw",
        "min_flt",
        "maj_flt",
        "start_time",
        "real_start_time",
        "personality",
        "timer_slack_ns",
        "default_timer_slack_ns",
        "seccomp_mode",
        "inblock",
        "oublock",
        "kthread",
    )

    kernel: Kernel
    state: int
    ti_flags: int
    stack: Coroutine[Any, Any, None] | None  # the kernel stack: None while in user mode
    thread: ThreadStruct  # the user side; see include/asm/processor.py
    usage: int
    flags: int
    on_cpu: bool
    cpu: int
    prio: int
    static_prio: int
    normal_prio: int
    rt_priority: int
    policy: int
    sched_reset_on_fork: bool
    se: SchedEntity
    rt_time_slice: int
    cpus_allowed: int  # bit mask
    wchan: str  # name of the function it sleeps in, "" when running
    waiting_on: object  # the queue or lock it sleeps on, for people to look at
    exit_state: int
    exit_code: int
    exit_signal: int
    pdeath_signal: int
    did_exec: bool
    pid: int  # global number
    tgid: int
    real_parent: Task
    parent: Task
    children: dict[Task, None]  # oldest first
    group_leader: Task
    ptraced: dict[Task, None] | None  # iterate reversed(); None until used
    pids: list[Pid | None]  # by PidType
    self_exec_id: int
    parent_exec_id: int
    ptrace: int
    alloc_lock: SpinLock
    comm: str  # at most 15 bytes; latin-1
    mm: MmStruct | None
    active_mm: MmStruct | None
    files: FilesStruct | None
    fs: FsStruct | None
    nsproxy: Nsproxy | None
    real_cred: Cred
    cred: Cred
    signal: SignalStruct
    sighand: SighandStruct | None
    pending: Sigpending
    blocked: int
    real_blocked: int
    jobctl: int
    last_siginfo: Any
    ptrace_message: int
    saved_sigmask: int
    sas_ss_sp: int
    sas_ss_size: int
    restart_block: Any  # None, or a coroutine function called by restart_syscall(2)
    vfork_done: Completion | None
    set_child_tid: Any  # UserPtr
    clear_child_tid: Any
    robust_list: int
    utime: int  # ns
    stime: int
    nvcsw: int
    nivcsw: int
    min_flt: int
    maj_flt: int
    start_time: int  # ns, monotonic
    real_start_time: int
    personality: int
    timer_slack_ns: int
    default_timer_slack_ns: int
    seccomp_mode: int
    inblock: int
    oublock: int
    kthread: Any  # kernel/kthread.py's struct kthread

    def __repr__(self) -> str:
        return f"<{self.comm}:{self.pid}>"


def get_task_struct(p: Task) -> None:
    """Take a reference; kernel/fork.py's put_task_struct gives it back."""
    p.usage += 1


def thread_group_leader(p: Task) -> bool:
    """Whether p is what its process's parent waits for: exit_signal >= 0, not pid == tgid (spec 1.4)."""
    return p.exit_signal >= 0


def same_thread_group(a: Task, b: Task) -> bool:
    """Whether two tasks are threads of one process."""
    return a.tgid == b.tgid


def thread_group_empty(p: Task) -> bool:
    """Whether p has no fellow threads."""
    threads = p.signal.threads
    return len(threads) == 1 and p in threads


def delay_group_leader(p: Task) -> bool:
    """Whether a dead leader must stay silent because other threads live."""
    return thread_group_leader(p) and not thread_group_empty(p)


def pid_alive(p: Task) -> bool:
    """Whether p is still hashed."""
    return p.pids[0] is not None


def signal_group_exit(sig: SignalStruct) -> bool:
    """Whether the whole process is on its way out, or an exec is killing the other threads."""
    return bool(sig.flags & SignalFlags.GROUP_EXIT) or sig.group_exit_task is not None
