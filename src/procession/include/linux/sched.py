"""The task and what threads of a process share (include/linux/sched.h)."""

from __future__ import annotations

from collections.abc import Coroutine
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Annotated, Any, Final

from procession.include.linux.pid import PIDTYPE_PID
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


TASK_COMM_LEN: Final = 16
MAX_RT_PRIO: Final = 100

# Load averages are fixed-point numbers.
FSHIFT: Final = 11
FIXED_1: Final = 1 << FSHIFT


# Plain int constants, grouped by class: an IntFlag costs 200 ns an operation, too much for the paths of a fork.
# Task.state (spec 1.1).
TASK_RUNNING: Final = 0
TASK_INTERRUPTIBLE: Final = 1
TASK_UNINTERRUPTIBLE: Final = 2
TASK_STOPPED_BIT: Final = 4
TASK_TRACED_BIT: Final = 8
TASK_DEAD: Final = 64
TASK_WAKEKILL: Final = 128
TASK_WAKING: Final = 256
TASK_KILLABLE: Final = 128 + 2
TASK_STOPPED: Final = 128 + 4
TASK_TRACED: Final = 128 + 8
TASK_NORMAL: Final = 1 + 2
TASK_ALL: Final = 1 + 2 + 4 + 8


# Task.exit_state.
EXIT_NONE: Final = 0
EXIT_ZOMBIE: Final = 16
EXIT_DEAD: Final = 32


# Task.flags (spec 1.3).
PF_STARTING: Final = 0x2
PF_EXITING: Final = 0x4
PF_EXITPIDONE: Final = 0x8
PF_WQ_WORKER: Final = 0x20
PF_FORKNOEXEC: Final = 0x40
PF_SUPERPRIV: Final = 0x100
PF_DUMPCORE: Final = 0x200
PF_SIGNALED: Final = 0x400
PF_MEMALLOC: Final = 0x800
PF_NPROC_EXCEEDED: Final = 0x1000
PF_USED_MATH: Final = 0x2000
PF_NOFREEZE: Final = 0x8000
PF_KTHREAD: Final = 0x200000
PF_RANDOMIZE: Final = 0x400000
PF_THREAD_BOUND: Final = 0x4000000
PF_FREEZER_NOSIG: Final = 0x80000000


# Task.ti_flags: work to do before the task returns to user mode (thread_info.flags).
TIF_SYSCALL_TRACE: Final = 1
TIF_SIGPENDING: Final = 4
TIF_NEED_RESCHED: Final = 8
TIF_SINGLESTEP: Final = 16
TIF_FORK: Final = 1 << 18  # has not run yet: schedule_tail() is due
TIF_MEMDIE: Final = 0x100000
TIF_RESTORE_SIGMASK: Final = 1 << 24  # TS_RESTORE_SIGMASK, kept in the same word


# Task.jobctl: the low 16 bits are the number of the last stop signal.
JOBCTL_STOP_SIGMASK: Final = 0xFFFF
JOBCTL_STOP_DEQUEUED: Final = 1 << 16
JOBCTL_STOP_PENDING: Final = 1 << 17
JOBCTL_STOP_CONSUME: Final = 1 << 18
JOBCTL_TRAP_STOP: Final = 1 << 19
JOBCTL_TRAP_NOTIFY: Final = 1 << 20
JOBCTL_TRAPPING: Final = 1 << 21
JOBCTL_LISTENING: Final = 1 << 22
JOBCTL_TRAP_MASK: Final = JOBCTL_TRAP_STOP | JOBCTL_TRAP_NOTIFY
JOBCTL_PENDING_MASK: Final = JOBCTL_STOP_PENDING | JOBCTL_TRAP_STOP | JOBCTL_TRAP_NOTIFY


# SignalStruct.flags.
SIGNAL_STOP_STOPPED: Final = 1
SIGNAL_STOP_CONTINUED: Final = 2
SIGNAL_GROUP_EXIT: Final = 4
SIGNAL_CLD_STOPPED: Final = 0x10
SIGNAL_CLD_CONTINUED: Final = 0x20
SIGNAL_CLD_MASK: Final = 0x30
SIGNAL_UNKILLABLE: Final = 0x40


# Flags of clone(2) and unshare(2) (spec 2.1); the low byte is the exit signal.
CLONE_VM: Final = 0x100
CLONE_FS: Final = 0x200
CLONE_FILES: Final = 0x400
CLONE_SIGHAND: Final = 0x800
CLONE_PTRACE: Final = 0x2000
CLONE_VFORK: Final = 0x4000
CLONE_PARENT: Final = 0x8000
CLONE_THREAD: Final = 0x10000
CLONE_NEWNS: Final = 0x20000
CLONE_SYSVSEM: Final = 0x40000
CLONE_SETTLS: Final = 0x80000
CLONE_PARENT_SETTID: Final = 0x100000
CLONE_CHILD_CLEARTID: Final = 0x200000
CLONE_DETACHED: Final = 0x400000
CLONE_UNTRACED: Final = 0x800000
CLONE_CHILD_SETTID: Final = 0x1000000
CLONE_NEWUTS: Final = 0x4000000
CLONE_NEWIPC: Final = 0x8000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000
CLONE_IO: Final = 0x80000000


class CloneFlags(IntFlag):
    """Flags of clone(2) and unshare(2) (spec 2.1); the low byte is the exit signal."""

    VM = CLONE_VM
    FS = CLONE_FS
    FILES = CLONE_FILES
    SIGHAND = CLONE_SIGHAND
    PTRACE = CLONE_PTRACE
    VFORK = CLONE_VFORK
    PARENT = CLONE_PARENT
    THREAD = CLONE_THREAD
    NEWNS = CLONE_NEWNS
    SYSVSEM = CLONE_SYSVSEM
    SETTLS = CLONE_SETTLS
    PARENT_SETTID = CLONE_PARENT_SETTID
    CHILD_CLEARTID = CLONE_CHILD_CLEARTID
    DETACHED = CLONE_DETACHED
    UNTRACED = CLONE_UNTRACED
    CHILD_SETTID = CLONE_CHILD_SETTID
    NEWUTS = CLONE_NEWUTS
    NEWIPC = CLONE_NEWIPC
    NEWUSER = CLONE_NEWUSER
    NEWPID = CLONE_NEWPID
    NEWNET = CLONE_NEWNET
    IO = CLONE_IO


CSIGNAL: Final = 0xFF


# Scheduling policies; RESET_ON_FORK may be or-ed in by sched_setscheduler(2).
SCHED_OTHER: Final = 0
SCHED_NORMAL: Final = 0
SCHED_FIFO: Final = 1
SCHED_RR: Final = 2
SCHED_BATCH: Final = 3
SCHED_IDLE: Final = 5


class SchedPolicy(IntEnum):
    """Scheduling policies; RESET_ON_FORK may be or-ed in by sched_setscheduler(2)."""

    OTHER = SCHED_OTHER
    NORMAL = SCHED_NORMAL
    FIFO = SCHED_FIFO
    RR = SCHED_RR
    BATCH = SCHED_BATCH
    IDLE = SCHED_IDLE


SCHED_RESET_ON_FORK: Final = 0x40000000

PolicyArg = Annotated[int, Arg("int", 32, signed=True, values=SchedPolicy, prefix="SCHED_")]
ParamIn = Annotated[UserPtr, Arg("struct sched_param")]
ParamOut = Annotated[UserPtr, Arg("struct sched_param", out=True)]
CpuMaskIn = Annotated[UserPtr, Arg("cpumask")]
CpuMaskOut = Annotated[UserPtr, Arg("cpumask", out=True)]
CloneArg = Annotated[int, Arg("clone_flags", 64, flags=CloneFlags, prefix="CLONE_")]
_UNSHARED: Final = (
    CLONE_VM,
    CLONE_FS,
    CLONE_FILES,
    CLONE_SIGHAND,
    CLONE_THREAD,
    CLONE_NEWNS,
    CLONE_SYSVSEM,
    CLONE_NEWUTS,
    CLONE_NEWIPC,
    CLONE_NEWNET,
)
UnshareArg = Annotated[int, Arg("int", 64, flags=CloneFlags, prefix="CLONE_", accepts=_UNSHARED)]
SetnsArg = Annotated[
    int,
    Arg("int", 32, signed=True, flags=CloneFlags, prefix="CLONE_", accepts=(CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWNET)),
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
    comm: str  # at most 15 bytes; as os.fsdecode() reads them
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
    return p.pids[PIDTYPE_PID] is not None


def signal_group_exit(sig: SignalStruct) -> bool:
    """Whether the whole process is on its way out, or an exec is killing the other threads."""
    return bool(sig.flags & SIGNAL_GROUP_EXIT) or sig.group_exit_task is not None
