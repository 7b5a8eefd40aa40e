"""The task and what threads of a process share (include/linux/sched.h)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

from procession.include.linux.bug import bug
from procession.include.linux.clone3 import CLONE_CLEAR_SIGHAND, CLONE_INTO_CGROUP, CLONE_NEWCGROUP, CLONE_PIDFD
from procession.include.linux.pid import PIDTYPE_PID
from procession.include.linux.signal import DEFAULT_ACTION, NSIG, SIGKILL_MASK, KSigaction, Sigpending
from procession.include.linux.types import Arg, UserPtr

if TYPE_CHECKING:
    from procession.include.asm.processor import KernelStack, ThreadStruct
    from procession.include.linux.cgroup import CssSet
    from procession.include.linux.cred import Cred
    from procession.include.linux.fdtable import FilesStruct
    from procession.include.linux.fs_struct import FsStruct
    from procession.include.linux.hrtimer import Hrtimer
    from procession.include.linux.iocontext import IoContext
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.key import Key
    from procession.include.linux.latencytop import LatencyRecord
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.nsproxy import Nsproxy, UserNamespace
    from procession.include.linux.pid import Pid, PidNamespace
    from procession.include.linux.rseq import Rseq
    from procession.include.linux.rtmutex import RtMutexWaiter
    from procession.include.linux.rwsem import Mutex
    from procession.include.linux.sem import SemUndoList
    from procession.include.linux.signal import Siginfo
    from procession.include.linux.spinlock import SpinLock
    from procession.include.linux.task_group import TaskGroup
    from procession.include.linux.taskstats import Taskstats
    from procession.include.linux.tty import TtyStruct
    from procession.include.linux.wait import Completion, WaitQueueHead
    from procession.kernel.futex_pi import FutexPiState
    from procession.kernel.kthread import Kthread
    from procession.kernel.posix_cpu_timers import CpuItimer, CputimeExpires
    from procession.kernel.posix_timers import KItimer
    from procession.kernel.sched_autogroup import Autogroup
    from procession.kernel.sched_fair import CfsRq
    from procession.kernel.seccomp import SeccompFilter
    from procession.mm.memcontrol import MemCgroup

RestartBlock: TypeAlias = "Callable[[Task], Coroutine[Any, Any, int]]"


TASK_COMM_LEN: Final = 16
MAX_RT_PRIO: Final = 100
DEFAULT_PRIO: Final = 120

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
PF_FREEZING: Final = 0x4000
PF_NOFREEZE: Final = 0x8000
PF_FROZEN: Final = 0x10000
PF_KSWAPD: Final = 0x40000
PF_KTHREAD: Final = 0x200000
PF_RANDOMIZE: Final = 0x400000
PF_SWAPWRITE: Final = 0x800000
PF_THREAD_BOUND: Final = 0x4000000
PF_FREEZER_NOSIG: Final = 0x80000000


# Task.ti_flags: work to do before the task returns to user mode (thread_info.flags).
TIF_SYSCALL_TRACE: Final = 1
TIF_NOTIFY_RESUME: Final = 2
TIF_SIGPENDING: Final = 4
TIF_NEED_RESCHED: Final = 8
TIF_SINGLESTEP: Final = 16
TIF_SYSCALL_EMU: Final = 64
TIF_FORK: Final = 1 << 18  # has not run yet: schedule_tail() is due
TIF_MEMDIE: Final = 0x100000
TIF_MEMCG_OOM: Final = 1 << 22  # ours: its group has no memory left
TIF_FREEZE: Final = 1 << 23
TIF_BLOCKSTEP: Final = 1 << 25
TIF_RESTORE_SIGMASK: Final = 1 << 24  # TS_RESTORE_SIGMASK, kept in the same word
TIF_SYSCALL_TRACEPOINT: Final = 1 << 28  # here: somebody chooses who makes the next call (tracehook.py)
TIF_WORK_SYSCALL_ENTRY: Final = TIF_SYSCALL_TRACE | TIF_SYSCALL_EMU | TIF_SINGLESTEP | TIF_SYSCALL_TRACEPOINT
TIF_WORK_SYSCALL_EXIT: Final = TIF_SYSCALL_TRACE | TIF_SINGLESTEP
TIF_TRACED: Final = TIF_WORK_SYSCALL_ENTRY | TIF_BLOCKSTEP  # a tracer's wishes: no work to do before user mode


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
    PIDFD = CLONE_PIDFD
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
    NEWCGROUP = CLONE_NEWCGROUP
    CLEAR_SIGHAND = CLONE_CLEAR_SIGHAND
    INTO_CGROUP = CLONE_INTO_CGROUP


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
_LATER: Final = (CLONE_PIDFD, CLONE_NEWCGROUP, CLONE_CLEAR_SIGHAND, CLONE_INTO_CGROUP)
_CLONED: Final = tuple([int(flag) for flag in CloneFlags if flag not in _LATER])
CloneArg = Annotated[int, Arg("clone_flags", 64, flags=CloneFlags, prefix="CLONE_", accepts=_CLONED)]
_UNSHARED: Final[tuple[int, ...]] = (
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


class SchedStatistics:
    """How a task came to its CPUs, of several (the part of struct sched_statistics that is kept)."""

    __slots__ = (
        "nr_migrations_cold",
        "nr_failed_migrations_affine",
        "nr_failed_migrations_running",
        "nr_failed_migrations_hot",
        "nr_forced_migrations",
        "nr_wakeups",
        "nr_wakeups_sync",
        "nr_wakeups_migrate",
        "nr_wakeups_local",
        "nr_wakeups_remote",
        "nr_wakeups_affine",
        "nr_wakeups_affine_attempts",
    )  # derived

    def __init__(self) -> None:
        self.nr_migrations_cold: int = 0  # 3.2 does not count them either
        self.nr_failed_migrations_affine: int = 0
        self.nr_failed_migrations_running: int = 0
        self.nr_failed_migrations_hot: int = 0
        self.nr_forced_migrations: int = 0
        self.nr_wakeups: int = 0
        self.nr_wakeups_sync: int = 0
        self.nr_wakeups_migrate: int = 0
        self.nr_wakeups_local: int = 0
        self.nr_wakeups_remote: int = 0
        self.nr_wakeups_affine: int = 0
        self.nr_wakeups_affine_attempts: int = 0


class SchedEntity:
    """CFS's view of a task, or of a group on one CPU (struct sched_entity). Times and vruntime in ns.

    cfs_rq: where it is queued. A task's on_rq says that it can run, whatever its class.
    """

    __slots__ = (
        "cfs_rq",
        "exec_start",
        "my_q",
        "nr_migrations",
        "on_rq",
        "parent",
        "prev_sum_exec_runtime",
        "serial",
        "statistics",
        "sum_exec_runtime",
        "task",
        "vruntime",
        "weight",
    )

    cfs_rq: CfsRq

    def __init__(self, task: Task | None) -> None:
        self.task = task  # None: a group's, or the task is freed
        self.my_q: CfsRq | None = None  # a group's: those in it
        self.parent: SchedEntity | None = None  # of the group that this is in, None in the root
        self.weight = 1024
        self.vruntime = 0
        self.serial = 0  # breaks ties of vruntime: later enqueued, later run
        self.on_rq = False
        self.exec_start = 0
        self.sum_exec_runtime = 0
        self.prev_sum_exec_runtime = 0
        self.nr_migrations = 0
        self.statistics: SchedStatistics | None = None  # made when there is something to count


class SighandStruct:
    """Signal actions, shared by CLONE_SIGHAND (struct sighand_struct)."""

    __slots__ = ("action", "count", "siglock", "signalfd_wqh")

    def __init__(self, siglock: SpinLock) -> None:
        self.count = 1
        self.action: list[KSigaction] = [DEFAULT_ACTION] * NSIG  # index = signal - 1
        self.siglock = siglock
        self.signalfd_wqh: WaitQueueHead | None = None  # made when first used


class SignalStruct:
    """What the threads of one process share (struct signal_struct, spec 1.5). Times in ns."""

    __slots__ = (
        "sigcnt",
        "live",
        "nr_threads",
        "threads",
        "wait_chldexit",
        "curr_target",
        "shared_pending",
        "flags",
        "group_exit_code",
        "group_exit_task",
        "notify_count",
        "group_stop_count",
        "posix_timers",
        "it_real_timer",
        "it_real_incr_ns",
        "it",
        "cputime_expires",
        "leader_pid",
        "leader",
        "tty",
        "tty_old_pgrp",
        "utime",
        "stime",
        "prev_utime",
        "prev_stime",
        "sum_sched_runtime",
        "nvcsw",
        "nivcsw",
        "min_flt",
        "maj_flt",
        "inblock",
        "ioac",
        "oublock",
        "maxrss",
        "cutime",
        "cstime",
        "cnvcsw",
        "cnivcsw",
        "cmin_flt",
        "cmaj_flt",
        "cinblock",
        "coublock",
        "cmaxrss",
        "ac_flag",
        "ac_mem",
        "stats",
        "rlim",
        "oom_adj",
        "oom_score_adj",
        "oom_score_adj_min",
        "autogroup",
        "is_child_subreaper",
        "has_child_subreaper",
        "cred_guard_mutex",
    )  # derived

    def __init__(self, leader: Task, wait_chldexit: WaitQueueHead) -> None:
        # tasklist_lock and siglock.
        self.sigcnt: int = 1  # tasks that refer to this, the dead ones included
        self.live: int = 1  # threads that have not begun to exit
        self.nr_threads: int = 1
        # tasklist_lock.
        self.threads: dict[Task, None] = {leader: None}  # the thread_group ring: leader first, then by birth
        self.wait_chldexit: WaitQueueHead = wait_chldexit  # who waits for a child of this process
        # siglock.
        self.curr_target: Task | None = leader  # the thread that took the last signal to the group
        self.shared_pending: Sigpending = Sigpending()
        self.flags: int = 0  # SIGNAL_…
        self.group_exit_code: int = 0  # also the signal of a group stop
        self.group_exit_task: Task | None = None  # the thread whose exec is killing the others
        self.notify_count: int = 0  # how many of them are left
        self.group_stop_count: int = 0  # threads that have not stopped yet
        self.posix_timers: dict[int, KItimer] | None = None  # by number; None until used
        self.it_real_timer: Hrtimer | None = None  # ITIMER_REAL; made when first used
        self.it_real_incr_ns: int = 0
        self.it: dict[int, CpuItimer] | None = None  # ITIMER_VIRTUAL, ITIMER_PROF, if either is set
        self.cputime_expires: CputimeExpires | None = None  # timers on the CPU clocks, RLIMIT_CPU
        # tasklist_lock and tty.ctrl_lock.
        self.leader_pid: Pid | None = None
        self.leader: bool = False  # of a session
        self.tty: TtyStruct | None = None  # the controlling terminal
        self.tty_old_pgrp: Pid | None = None  # its foreground, for when the session leader comes back from a hangup
        # siglock: what dead threads have used, times in ns.
        self.utime: int = 0
        self.stime: int = 0
        self.prev_utime: int = 0  # jiffies: what thread_group_times() last said of all threads
        self.prev_stime: int = 0
        self.sum_sched_runtime: int = 0
        self.nvcsw: int = 0  # switches of its own accord
        self.nivcsw: int = 0  # and against its will
        self.min_flt: int = 0  # page faults
        self.maj_flt: int = 0
        self.inblock: int = 0
        # struct task_io_accounting of threads that have ended, and of children waited for: rchar, wchar, syscr, syscw.
        self.ioac: tuple[int, int, int, int] = (0, 0, 0, 0)
        self.oublock: int = 0
        self.maxrss: int = 0  # pages
        # siglock: what reaped children have used, times in jiffies.
        self.cutime: int = 0
        self.cstime: int = 0
        self.cnvcsw: int = 0
        self.cnivcsw: int = 0
        self.cmin_flt: int = 0
        self.cmaj_flt: int = 0
        self.cinblock: int = 0
        self.coublock: int = 0
        self.cmaxrss: int = 0
        # Only its dying threads: for the record of its end.
        self.ac_flag: int = 0
        self.ac_mem: int = 0  # KiB
        self.stats: Taskstats | None = None  # of its dead threads; None while it has had one thread
        # group_leader.alloc_lock.
        self.rlim: list[tuple[int, int]] = []  # RLIMIT_…: (soft, hard)
        # siglock.
        self.oom_adj: int = 0
        self.oom_score_adj: int = 0
        self.oom_score_adj_min: int = 0
        self.autogroup: Autogroup | None = None  # the session's; None: in the default group
        # tasklist_lock.
        self.is_child_subreaper: bool = False  # adopts the orphans among its descendants
        self.has_child_subreaper: bool = False  # an ancestor of it may
        # Itself.
        self.cred_guard_mutex: Mutex | None = None  # an exec or an attach decides by credentials; made when first used


class UserStruct:
    """Per-user counts (struct user_struct)."""

    __slots__ = (
        "count",
        "fanotify_listeners",
        "inotify_devs",
        "inotify_watches",
        "locked_shm",
        "mq_bytes",
        "processes",
        "session_keyring",
        "sigpending",
        "uid",
        "uid_keyring",
        "user_ns",
    )

    def __init__(self, uid: int, user_ns: UserNamespace) -> None:
        self.uid = uid
        self.user_ns = user_ns
        self.count = 1
        self.processes = 0
        self.sigpending = 0
        self.uid_keyring: Key | None = None  # made when first used
        self.session_keyring: Key | None = None
        self.mq_bytes = 0  # of POSIX message queues; mq_lock
        self.locked_shm = 0  # pages of shared memory
        self.inotify_watches = 0
        self.inotify_devs = 0  # instances
        self.fanotify_listeners = 0


class Task:
    """A thread: the thing the scheduler runs (struct task_struct, spec 1.3). Times in ns.

    As written here it is the boot task, the only one that is made and not copied (INIT_TASK).
    """

    __slots__ = (
        "thread",
        "signal",
        "sighand",
        "real_cred",
        "cred",
        "alloc_lock",
        "cgroups",
        "kernel",
        "pid",
        "tgid",
        "state",
        "ti_flags",
        "stack",
        "held",
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
        "sched_task_group",
        "rt_time_slice",
        "pcount",
        "run_delay",
        "last_arrival",
        "last_queued",
        "rt_timeout",
        "cpus_allowed",
        "latency_record",
        "wchan",
        "waiting_on",
        "exit_state",
        "exit_code",
        "exit_signal",
        "pdeath_signal",
        "did_exec",
        "self_exec_id",
        "parent_exec_id",
        "real_parent",
        "parent",
        "children",
        "group_leader",
        "ptrace",
        "ptraced",
        "pids",
        "comm",
        "mm",
        "active_mm",
        "files",
        "fs",
        "pid_ns_for_children",
        "nsproxy",
        "io_context",
        "pending",
        "blocked",
        "real_blocked",
        "jobctl",
        "last_siginfo",
        "ptrace_message",
        "saved_sigmask",
        "sas_ss_sp",
        "sas_ss_size",
        "pi_waiters",
        "pi_blocked_on",
        "pi_state_list",
        "restart_block",
        "vfork_done",
        "set_child_tid",
        "clear_child_tid",
        "robust_list",
        "rseq",
        "compat_robust_list",
        "utime",
        "stime",
        "prev_utime",
        "prev_stime",
        "nvcsw",
        "nivcsw",
        "min_flt",
        "maj_flt",
        "inblock",
        "rchar",
        "wchar",
        "syscr",
        "syscw",
        "oublock",
        "start_time",
        "real_start_time",
        "personality",
        "timer_slack_ns",
        "default_timer_slack_ns",
        "seccomp_mode",
        "seccomp_filter",
        "no_new_privs",
        "kthread",
        "replacement_session_keyring",
        "sysvsem",
        "memcg_oom",
    )  # derived

    thread: ThreadStruct  # the user side; see include/asm/processor.py
    signal: SignalStruct  # what the threads share; siglock
    sighand: SighandStruct | None  # None once released; siglock
    real_cred: Cred  # who it is to others; RCU, changed by the task itself only
    cred: Cred  # whom it acts as
    alloc_lock: SpinLock
    cgroups: CssSet  # which groups it is in

    def __init__(self, kernel: Kernel) -> None:
        # Fixed at birth.
        self.kernel: Kernel = kernel
        self.pid: int = 0  # the number in the first namespace
        self.tgid: int = 0
        # The task itself, and the scheduler under its CPU's rq.lock.
        self.state: int = TASK_RUNNING  # TASK_…
        self.ti_flags: int = 0  # new: TIF_…: work before user mode
        self.stack: KernelStack | None = None  # new: the kernel stack: None while in user mode
        self.held: list[object] = []  # new: what functions on that stack refer to over an await, for tools/validate
        self.usage: int = 2  # new: references: one for being current, one for release_task
        self.flags: int = PF_KTHREAD  # PF_…
        self.on_cpu: bool = False  # new
        self.cpu: int = 0
        self.prio: int = DEFAULT_PRIO
        self.static_prio: int = DEFAULT_PRIO
        self.normal_prio: int = DEFAULT_PRIO
        self.rt_priority: int = 0
        self.policy: int = SCHED_NORMAL
        self.sched_reset_on_fork: bool = False
        self.se: SchedEntity = SchedEntity(self)  # new
        self.sched_task_group: TaskGroup | None = None  # of its cpu cgroup; None: the root
        self.rt_time_slice: int = 0
        # struct sched_info, times in ns.
        self.pcount: int = 0  # new: how often it was put on a CPU
        self.run_delay: int = 0  # new: how long it waited for one
        self.last_arrival: int = 0  # new: when it was put there last
        self.last_queued: int = 0  # new: since when it waits, 0 if it does not
        self.rt_timeout: int = 0  # new: ticks that it was found running as a real-time task since it woke
        self.cpus_allowed: int = 1  # bit mask
        self.latency_record: list[LatencyRecord] | None = None  # new: made at its first sleep that counts
        self.wchan: str = ""  # new: name of the function it sleeps in, "" when running
        self.waiting_on: object = None  # new: the queue or lock it sleeps on, for people to look at
        # tasklist_lock.
        self.exit_state: int = EXIT_NONE  # new
        self.exit_code: int = 0
        self.exit_signal: int = 0  # what its parent gets at its death; -1: a thread, nobody is told
        self.pdeath_signal: int = 0  # new: what it gets at its parent's
        self.did_exec: bool = False  # new
        self.self_exec_id: int = 0  # changes with each exec: who was told whom to expect
        self.parent_exec_id: int = 0
        self.real_parent: Task = self
        self.parent: Task = self  # who waits: the tracer if there is one
        self.children: dict[Task, None] = {}  # new: oldest first
        self.group_leader: Task = self
        self.ptrace: int = 0  # new: PT_…
        self.ptraced: dict[Task, None] | None = None  # new: whom it traces: iterate reversed(); None until used
        self.pids: list[Pid | None] = [None, None, None]  # new: by PIDTYPE_…
        # alloc_lock.
        self.comm: str = "swapper"  # at most 15 bytes; as os.fsdecode() reads them
        self.mm: MmStruct | None = None
        self.active_mm: MmStruct | None = None
        self.files: FilesStruct | None = None
        self.fs: FsStruct | None = None
        self.pid_ns_for_children: PidNamespace | None = None  # new: if another than nsproxy's; with a reference
        self.nsproxy: Nsproxy | None = None
        self.io_context: IoContext | None = None  # new
        # sighand.siglock.
        self.pending: Sigpending = Sigpending()  # new: signals to this thread alone
        self.blocked: int = 0  # a set, as all masks
        self.real_blocked: int = 0  # what sigtimedwait(2) has unblocked for itself
        self.jobctl: int = 0  # new: JOBCTL_…
        self.last_siginfo: Siginfo | None = None  # new: of a ptrace stop
        self.ptrace_message: int = 0
        # Only the task itself.
        self.saved_sigmask: int = 0  # what to go back to, with TIF_RESTORE_SIGMASK
        self.sas_ss_sp: int = 0  # sigaltstack(2)
        self.sas_ss_size: int = 0
        self.pi_waiters: list[RtMutexWaiter] | None = None  # new: who waits for its rt_mutexes, the first of each
        self.pi_blocked_on: RtMutexWaiter | None = None  # new: what it waits for one with
        self.pi_state_list: dict[FutexPiState, None] | None = None  # new: PI futexes of its that others wait for
        self.restart_block: RestartBlock | None = None  # new: what restart_syscall(2) goes on with
        self.vfork_done: Completion | None = None  # new: the parent sleeps until this child has given up its memory
        self.set_child_tid: UserPtr = 0
        self.clear_child_tid: UserPtr = 0
        self.robust_list: int = 0  # new: user address
        self.rseq: Rseq | None = None  # new: what rseq(2) has registered
        self.compat_robust_list: int = 0  # new: of words of 32 bits
        self.utime: int = 0  # new: ns
        self.stime: int = 0  # new
        self.prev_utime: int = 0  # new: jiffies: what task_times() last said
        self.prev_stime: int = 0  # new
        self.nvcsw: int = 0  # new
        self.nivcsw: int = 0  # new
        self.min_flt: int = 0  # new
        self.maj_flt: int = 0  # new
        self.inblock: int = 0  # new
        self.rchar: int = 0  # new
        self.wchar: int = 0  # new
        self.syscr: int = 0  # new
        self.syscw: int = 0  # new
        self.oublock: int = 0  # new
        self.start_time: int = 0  # monotonic
        self.real_start_time: int = 0
        self.personality: int = 0
        self.timer_slack_ns: int = 50_000
        self.default_timer_slack_ns: int = 50_000
        self.seccomp_mode: int = 0
        self.seccomp_filter: SeccompFilter | None = None
        self.no_new_privs: bool = False  # an exec grants nothing any more
        self.kthread: Kthread | None = None  # new
        # tasklist_lock.
        self.replacement_session_keyring: Key | None = None  # new: what a child gives it, with a reference
        self.sysvsem: SemUndoList | None = None  # new: semaphore operations to take back
        self.memcg_oom: MemCgroup | None = None  # new: the group in which it has found no memory

    def copy(self) -> Task:
        """Return a task like this one; the fields that are marked new begin as they do above."""  # derived
        p = Task(self.kernel)
        p.thread = self.thread
        p.signal = self.signal
        p.sighand = self.sighand
        p.real_cred = self.real_cred
        p.cred = self.cred
        p.alloc_lock = self.alloc_lock
        p.cgroups = self.cgroups
        p.pid = self.pid
        p.tgid = self.tgid
        p.state = self.state
        p.flags = self.flags
        p.cpu = self.cpu
        p.prio = self.prio
        p.static_prio = self.static_prio
        p.normal_prio = self.normal_prio
        p.rt_priority = self.rt_priority
        p.policy = self.policy
        p.sched_reset_on_fork = self.sched_reset_on_fork
        p.sched_task_group = self.sched_task_group
        p.rt_time_slice = self.rt_time_slice
        p.cpus_allowed = self.cpus_allowed
        p.exit_code = self.exit_code
        p.exit_signal = self.exit_signal
        p.self_exec_id = self.self_exec_id
        p.parent_exec_id = self.parent_exec_id
        p.real_parent = self.real_parent
        p.parent = self.parent
        p.group_leader = self.group_leader
        p.comm = self.comm
        p.mm = self.mm
        p.active_mm = self.active_mm
        p.files = self.files
        p.fs = self.fs
        p.nsproxy = self.nsproxy
        p.blocked = self.blocked
        p.real_blocked = self.real_blocked
        p.ptrace_message = self.ptrace_message
        p.saved_sigmask = self.saved_sigmask
        p.sas_ss_sp = self.sas_ss_sp
        p.sas_ss_size = self.sas_ss_size
        p.set_child_tid = self.set_child_tid
        p.clear_child_tid = self.clear_child_tid
        p.start_time = self.start_time
        p.real_start_time = self.real_start_time
        p.personality = self.personality
        p.timer_slack_ns = self.timer_slack_ns
        p.default_timer_slack_ns = self.default_timer_slack_ns
        p.seccomp_mode = self.seccomp_mode
        p.seccomp_filter = self.seccomp_filter
        p.no_new_privs = self.no_new_privs
        return p

    def __repr__(self) -> str:
        return f"<{self.comm}:{self.pid}>"


def set_task_state(p: Task, state: int) -> None:
    """Let p be in another state: the only way there is.

    Who runs says how it is about to sleep, or to die. A sleeper can be made to run, nothing else. The dead stay dead.
    """
    old = p.state
    if old and (old == TASK_DEAD or (state and state != old)):
        bug(f"a task goes from state {old} to {state}", p)
    p.state = state


def assert_siglock_held(p: Task) -> None:
    """Stop unless siglock of p's signal actions is held (lockdep_assert_held(&p->sighand->siglock))."""
    sighand = p.sighand
    if sighand is None or sighand.siglock.held is None:
        bug("siglock not held", p)


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


def threads_from(p: Task) -> list[Task]:
    """Return the threads of p's process in ring order, p first (while_each_thread)."""
    threads = p.signal.threads
    if len(threads) == 1:
        return [p]
    ring = list(threads)
    at = ring.index(p)
    return ring[at:] + ring[:at]


def next_thread(p: Task) -> Task:
    """Return the thread behind p in the ring: p itself if it is alone."""
    return threads_from(p)[1 % len(p.signal.threads)]


def delay_group_leader(p: Task) -> bool:
    """Whether a dead leader must stay silent because other threads live."""
    return thread_group_leader(p) and not thread_group_empty(p)


def pid_alive(p: Task) -> bool:
    """Whether p is still hashed."""
    return p.pids[PIDTYPE_PID] is not None


def signal_group_exit(sig: SignalStruct) -> bool:
    """Whether the whole process is on its way out, or an exec is killing the other threads."""
    return bool(sig.flags & SIGNAL_GROUP_EXIT) or sig.group_exit_task is not None


# Is there work?


def signal_pending(p: Task) -> bool:
    """Whether p has a signal to look at before it goes back to user mode."""
    return bool(p.ti_flags & TIF_SIGPENDING)


def fatal_signal_pending(p: Task) -> bool:
    """Whether p is about to die."""
    return bool(p.ti_flags & TIF_SIGPENDING and p.pending.signal & SIGKILL_MASK)


def signal_pending_state(state: int, p: Task) -> bool:
    """Whether a signal keeps p from sleeping in this state, or ends such a sleep (spec 1.1)."""
    if not p.ti_flags & TIF_SIGPENDING:
        return False
    return bool(state & TASK_INTERRUPTIBLE) or bool(state & TASK_WAKEKILL and p.pending.signal & SIGKILL_MASK)
