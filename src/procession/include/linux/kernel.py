"""All that Linux keeps in globals, as the fields of one object. Any number of kernels live in one process.

Kernel has what everybody needs: the machine, and the tables of tasks, pids and namespaces. What one subsystem has for
itself is grouped under its name (k.sched, k.mm, k.vfs, k.tty …), one class each. A field with a value here is ready
at once; the others are made by the subsystem's *_init function, which init/main.py calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
import re
from typing import TYPE_CHECKING, Any, Final

from procession.hw.clock import NEVER
from procession.include.linux.cgroup import CgroupState
from procession.include.linux.idr import Ida
from procession.include.linux.ipc_namespace import IpcState
from procession.include.linux.limits import ULONG_MAX
from procession.include.linux.nsproxy import RELEASE
from procession.include.linux.printk import KERN_WARNING, LEVELS, PLAIN_LEN, LogBuf
from procession.include.linux.spinlock import LockClass, SpinLock
from procession.include.linux.syscalls import SYSCALLS, Syscall
from procession.include.linux.time import NSEC_PER_MSEC, NSEC_PER_SEC
from procession.include.linux.timex import NtpState
from procession.include.linux.wait import WaitQueueHead
from procession.lib import string

if TYPE_CHECKING:
    from procession.arch.x86.entry import Entry
    from procession.fs.devices import ConsoleDevice, OpenFn
    from procession.fs.devpts.inode import DevptsSuperBlock
    from procession.fs.hostfs.volumes import Volume
    from procession.fs.locks import FileLock
    from procession.fs.lower import Lower
    from procession.fs.notify.dnotify.dnotify import DnotifyGroup
    from procession.fs.super import FileSystemType
    from procession.fs.timerfd import TimerfdCtx
    from procession.hw.chooser import Chooser
    from procession.hw.clock import Clock
    from procession.hw.console import Console
    from procession.hw.core_store import CoreStore
    from procession.hw.memory import Frames
    from procession.hw.published import Ports
    from procession.include.linux.binfmts import CoreDump, LinuxBinfmt
    from procession.include.linux.errno import LinuxError
    from procession.include.linux.fault_inject import FaultAttr
    from procession.include.linux.fs import Dentry, File, Inode, SuperBlock, Vfsmount
    from procession.include.linux.fsnotify_backend import FsnotifyEvent, FsnotifyGroup
    from procession.include.linux.hrtimer import Hrtimer
    from procession.include.linux.ipc_namespace import IpcNamespace
    from procession.include.linux.key import KeyState
    from procession.include.linux.latencytop import LatencyRecord
    from procession.include.linux.mm_types import MmStruct
    from procession.include.linux.netdevice import NetDevice
    from procession.include.linux.nsproxy import NetNamespace, Nsproxy, Ucounts, UserNamespace, UtsNamespace
    from procession.include.linux.pid import Pid, PidNamespace
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task, UserStruct
    from procession.include.linux.slab import KmemCache
    from procession.include.linux.spinlock import Lockdep, RwLock
    from procession.include.linux.sysctl import CtlTablePoll
    from procession.include.linux.task_group import TaskGroup
    from procession.include.linux.taskstats import TaskstatsState
    from procession.include.linux.timer import TimerList
    from procession.include.linux.tty import TtyDriver, TtyStruct
    from procession.include.linux.workqueue import GlobalCwq, Workqueue
    from procession.include.trace.tracepoints import Trace
    from procession.init.main import InitProgram
    from procession.kernel.acct import BsdAcct
    from procession.kernel.futex import FutexHash
    from procession.kernel.kthread import KthreadCreateInfo, ThreadFn
    from procession.kernel.rcupdate import RcuState
    from procession.kernel.sched_rq import Rq
    from procession.mm.memcontrol import MemoryController
    from procession.net.core.rtnetlink import RtnlLink
    from procession.net.ipv4.inet_diag import InetDiagHandler
    from procession.net.ipv4.ip_output import SoftnetData
    from procession.net.ipv4.published import Published
    from procession.net.netlink.genetlink import GenlFamily
    from procession.net.netlink.sock import NetlinkTable
    from procession.net.unix.sock import UnixSock

_PREFIX: Final = re.compile(r"<(\d+|[cd])>")
_MOST_MESSAGES: Final = 20_000  # that printk_log keeps, however much a guest writes


class Nohz:
    """Who balances for CPUs that are idle and have no ticks (nohz of kernel/sched_fair.c); -1: no CPU does."""

    __slots__ = ("load_balancer", "first_pick_cpu", "second_pick_cpu", "idle_cpus_mask", "next_balance")  # derived

    def __init__(self) -> None:
        self.load_balancer: int = -1
        self.first_pick_cpu: int = -1
        self.second_pick_cpu: int = -1
        self.idle_cpus_mask: int = 0
        self.next_balance: int = 0  # a tick


class SchedState:
    """kernel/sched*.py."""

    __slots__ = (
        "root_task_group",
        "runqueues",
        "resched_due",
        "step_began_ns",
        "in_call",
        "call_ns",
        "interrupted",
        "idles",
        "nr_forks",
        "task_groups",
        "nr_cfs_bandwidth",
        "autogroup_seq_nr",
        "autogroup_nice_next_ns",
        "sysctl_sched_latency",
        "sysctl_sched_min_granularity",
        "sysctl_sched_wakeup_granularity",
        "sched_nr_latency",
        "sysctl_sched_tunable_scaling",
        "sysctl_sched_migration_cost",
        "sysctl_sched_nr_migrate",
        "sysctl_sched_time_avg",
        "sysctl_sched_shares_window",
        "sysctl_timer_migration",
        "sysctl_sched_rt_period",
        "sysctl_sched_rt_runtime",
        "rt_throttled",
        "said_lock_depth",
        "max_lock_depth",
        "sysctl_sched_child_runs_first",
        "sysctl_sched_autogroup_enabled",
        "sysctl_sched_cfs_bandwidth_slice",
        "next_cpu",
        "irq_cpu",
        "nohz",
        "avenrun",
        "calc_load_update_ns",
    )  # derived

    root_task_group: TaskGroup

    def __init__(self) -> None:
        self.runqueues: list[Rq] = []  # by CPU
        # While orders are explored: the running thread is to give way at its next call; when it began its step.
        self.resched_due: bool = False
        self.step_began_ns: int = 0
        self.in_call: int = 0  # whose call is not over yet
        self.call_ns: int = 0  # when somebody made a call last, or time has passed
        self.interrupted: set[int] = set()  # whose calls have been chosen to end with EINTR
        self.idles: bool = False  # it was chosen that nobody goes on before the next timer
        self.nr_forks: dict[int, int] = {}  # how many children those have had whose numbers tell of it
        self.task_groups: dict[TaskGroup, None] = {}  # all there are, the oldest first
        self.nr_cfs_bandwidth: int = 0  # how many of them have a quota
        self.autogroup_seq_nr: int = 0  # number of the last autogroup
        self.autogroup_nice_next_ns: int = 0  # when anybody may change the nice value of one
        # Tunables; times in ns where nothing else is said. sched_init() fits the first three to the number of CPUs.
        self.sysctl_sched_latency: int = 6_000_000
        self.sysctl_sched_min_granularity: int = 750_000
        self.sysctl_sched_wakeup_granularity: int = 1_000_000
        self.sched_nr_latency: int = 8  # how many tasks share one latency: follows from the first two
        self.sysctl_sched_tunable_scaling: int = 1  # SCHED_TUNABLESCALING_LOG
        self.sysctl_sched_migration_cost: int = 500_000
        self.sysctl_sched_nr_migrate: int = 32
        self.sysctl_sched_time_avg: int = 1000  # ms
        self.sysctl_sched_shares_window: int = 10_000_000
        self.sysctl_timer_migration: int = 1
        self.sysctl_sched_rt_period: int = 1_000_000  # µs; sched_init() tells the CPUs of it and of the next
        self.sysctl_sched_rt_runtime: int = 950_000  # µs; negative: no limit
        self.rt_throttled: bool = False  # it has been said that a CPU was
        self.said_lock_depth: int = 0  # the depth that was exceeded, and that this was said for
        self.max_lock_depth: int = 1024  # how far a chain of owners of rt_mutexes is followed
        self.sysctl_sched_child_runs_first: int = 0  # not 0: who is forked goes ahead of who forks
        self.sysctl_sched_autogroup_enabled: int = 1
        self.sysctl_sched_cfs_bandwidth_slice: int = 5000  # µs of a quota that a CPU takes at a time
        self.next_cpu: int = -1  # chosen to go on when the executing CPU's turn ends, -1 if none is
        self.irq_cpu: int = -1  # which CPU runs a timer's function, -1 if none is being run; with several
        self.nohz: Nohz = Nohz()
        self.avenrun: list[int] = [0, 0, 0]  # as of the last fold: read it with sched_load.get_avenrun
        self.calc_load_update_ns: int = 0  # when the next fold is due


class TimerState:
    """kernel/hrtimer.py, posix_timers.py."""

    __slots__ = (
        "hrtimers",
        "hrtimers_compact",
        "timer_serial",
        "next_timer_ns",
        "deferrable",
        "deferrable_ns",
        "deferrable_event_ns",
        "deferrable_late_ns",
        "posix_timers_id",
        "cancel_list",
        "ntp",
    )  # derived

    def __init__(self) -> None:
        self.hrtimers: list[tuple[int, int, Hrtimer]] = []  # a heap: (expiry on the monotonic clock, serial, timer)
        self.hrtimers_compact: int = 64  # how long the heap may get before cancelled timers are thrown out of it
        self.timer_serial: int = 0
        self.next_timer_ns: int = 0  # what is due next: until then a program may run without entering the kernel
        self.deferrable: dict[TimerList, None] = {}  # those that are armed
        self.deferrable_ns: int = NEVER  # when the first of them is due
        self.deferrable_event_ns: int = NEVER  # when the first of those is that have to run at some time
        self.deferrable_late_ns: int = NEVER  # and when it must not wait any longer
        self.posix_timers_id: Ida = Ida()  # numbers in use
        self.cancel_list: dict[TimerfdCtx, None] = {}  # who wants to hear that CLOCK_REALTIME was set
        self.ntp: NtpState = NtpState()


class UserState:
    """kernel/user.py."""

    __slots__ = (
        "init_user_ns",
        "root_user",
        "uidhash_lock",
        "uidhash",
        "user_ns_serial",
        "ucounts",
        "warned_fcaps_mixed",
    )  # derived

    init_user_ns: UserNamespace
    root_user: UserStruct
    uidhash_lock: SpinLock

    def __init__(self) -> None:
        self.uidhash: dict[tuple[int, int], UserStruct] = {}  # (namespace's serial, uid); uidhash_lock
        self.user_ns_serial: int = 0
        self.ucounts: dict[tuple[int, int], Ucounts] = {}  # (namespace's serial, kuid), since 3.8
        self.warned_fcaps_mixed: bool = False


class KthreadState:
    """kernel/kthread.py, kmod.py."""

    __slots__ = (
        "kthreadd_task",
        "kthread_create_lock",
        "khelper_wq",
        "kthread_create_list",
        "boot_kthreads",
        "boot_nrs",
        "last_boot_nr",
        "all_there",
        "make_boot_kthreads",
        "usermodehelper_disabled",
        "usermodehelper_bset",
        "usermodehelper_inheritable",
    )  # derived

    kthreadd_task: Task
    kthread_create_lock: SpinLock
    khelper_wq: Workqueue  # the programs that the kernel runs

    def __init__(self) -> None:
        self.kthread_create_list: list[KthreadCreateInfo] = []  # requests, the oldest first; kthread_create_lock
        self.boot_kthreads: dict[str, ThreadFn] = {}  # what boot is to start, by its name in init/kthreads.py
        self.boot_nrs: dict[str, int] = {}  # the numbers that are kept for those of init/kthreads.py
        self.last_boot_nr: int = 0
        self.all_there: bool = False  # they have been made
        self.make_boot_kthreads: Callable[[Kernel], None] | None = None  # who looks for them calls this
        self.usermodehelper_disabled: bool = False
        self.usermodehelper_bset: int = ULONG_MAX  # what the programs may ever have
        self.usermodehelper_inheritable: int = ULONG_MAX

    def look_for(self, k: Kernel, nr: int) -> None:
        """Somebody looks for a process of the first pid namespace, by a number that none has.

        Who holds a lock has looked before it was taken, where it matters: nothing can be made now.
        """
        if 0 < nr <= self.last_boot_nr and not self.all_there and k.lockdep.chain is k.lockdep.root:
            self.appear(k)

    def appear(self, k: Kernel) -> None:
        """Somebody looks at all processes: those of boot are to be there."""
        if self.make_boot_kthreads is not None:
            self.make_boot_kthreads(k)


class WorkqueueState:
    """kernel/workqueue.py."""

    __slots__ = ("system_wq", "idle_timer", "gcwq")  # derived

    system_wq: Workqueue  # of schedule_work()
    idle_timer: TimerList  # ends workers that have had nothing to do for long

    def __init__(self) -> None:
        self.gcwq: dict[int, GlobalCwq] = {}  # by CPU; WORK_CPU_UNBOUND: those of none


class HungTaskState:
    """kernel/hung_task.py."""

    __slots__ = ("timer", "timeout_secs", "check_count", "warnings", "panic", "sleepers")  # derived

    timer: TimerList

    def __init__(self) -> None:
        self.timeout_secs: int = 120  # 0: nobody looks
        self.check_count: int = 4194304  # how many tasks are looked at
        self.warnings: int = 10  # how many more reports there may be
        self.panic: int = 0
        self.sleepers: dict[Task, int] = {}  # who was in state D at the last look, and how often it had run


class MmState:
    """mm/. Counts are of pages."""

    __slots__ = (
        "zero_pfn",
        "pgalloc",
        "pgminfault",
        "pgmajfault",
        "total_pages",
        "free_list",
        "next_fresh",
        "page_cache",
        "shm_mnt",
        "kmem_pages",
        "kmem_limit",
        "panic_on_oom",
        "oom_kill_allocating_task",
        "oom_dump_tasks",
        "overcommit_memory",
        "overcommit_ratio",
        "vm_committed",
        "max_map_count",
        "mmap_min_addr",
        "memcg",
    )  # derived

    def __init__(self) -> None:
        self.zero_pfn: int = 0
        self.pgalloc: int = 0  # frames handed out since boot
        self.pgminfault: int = 0  # faults since boot
        self.pgmajfault: int = 0
        self.total_pages: int = 0
        self.free_list: list[int] = []  # free frames, the next one to use last
        self.next_fresh: int = 0  # frames from here on were never used, and are zero
        self.page_cache: dict[int, tuple[Inode, int]] = {}  # frame -> file page (inode, index), the oldest first
        self.shm_mnt: Vfsmount | None = None  # shared anonymous memory; made when first used
        self.kmem_pages: int = 0  # what lies in pipes and sockets
        self.kmem_limit: int = 0  # and the most that may
        self.panic_on_oom: int = 0
        self.oom_kill_allocating_task: int = 0
        self.oom_dump_tasks: int = 1
        self.overcommit_memory: int = 0
        self.overcommit_ratio: int = 50
        self.vm_committed: int = 0  # promised to private writable mappings
        self.max_map_count: int = 65530
        self.mmap_min_addr: int = 65536
        self.memcg: MemoryController | None = None  # who pays for memory; None until there are groups to pay


class X86State:
    """arch/x86 and its CPUs."""

    __slots__ = (
        "vcpus",
        "first_engine",
        "vm86_comm",
        "tlb_gen",
        "tb_dirty_pages",
        "untranslatable",
        "vdso32_enabled",
    )  # derived

    def __init__(self) -> None:
        self.vcpus: list[Entry] = []  # by CPU; made when first used
        self.first_engine: Callable[[], None] | None = None  # called before the first of them is made
        self.vm86_comm: str = ""  # the last program that has been told that there is no vm86 mode
        self.tlb_gen: int = 0  # TLB flushes asked for so far
        self.tb_dirty_pages: list[int] = []  # frames whose translated code is out of date
        self.untranslatable: dict[int, list[int]] = {}  # executed frame -> offsets of what the CPU cannot translate
        self.vdso32_enabled: int = 1  # /proc/sys/abi/vsyscall32; 2 for its old place


class VfsState:
    """fs/."""

    __slots__ = (
        "rootfs",
        "pipe_mnt",
        "dump_to_pipe",
        "anon_inode_mnt",
        "sysfs_sb",
        "nsfs_mnt",
        "mnt_ns_seq",
        "debugfs_sb",
        "formats",
        "devices",
        "file_systems",
        "mount_hashtable",
        "mnt_id_ida",
        "mnt_group_ida",
        "anon_minor",
        "nr_inodes",
        "max_inodes",
        "nr_files",
        "max_files",
        "sysctl_nr_open",
        "devtmpfs_sb",
        "proc_sbs",
        "pipe_max_size",
        "blocked_posix_locks",
        "leases_enable",
        "lease_break_time",
        "dir_notify_enable",
        "dnotify_group",
        "mandlock",
        "ep_nests",
        "suid_dumpable",
        "core_pattern",
        "core_pipe_limit",
        "core_dump_count",
        "core_store",
        "lower_opened",
        "volumes",
        "nr_fsnotify_marks",
        "fsnotify_inodes",
        "fsnotify_dying",
        "fsnotify_groups",
        "fsnotify_group_serial",
        "fsnotify_sync_cookie",
        "q_overflow_event",
        "aio_nr",
        "aio_max_nr",
    )  # derived

    rootfs: Vfsmount  # of /
    pipe_mnt: Vfsmount  # that pipes live in: no path leads there
    # Gives a core to the program that core_pattern names (fs/coredump_pipe.py).
    dump_to_pipe: Callable[[Task, CoreDump, int, bytes], Coroutine[Any, Any, None]]
    anon_inode_mnt: Vfsmount  # and files that are only descriptors: epoll, eventfd, signalfd, timerfd

    def __init__(self) -> None:
        self.sysfs_sb: SuperBlock | None = None  # the one instance, made when first mounted
        self.nsfs_mnt: Vfsmount | None = None  # that files of namespaces live in, made when first used
        self.mnt_ns_seq: int = 0  # mount namespaces made so far
        self.debugfs_sb: SuperBlock | None = None  # the same
        self.formats: list[LinuxBinfmt] = []
        self.devices: dict[int, OpenFn] = {}  # by rdev of a character device
        self.file_systems: dict[str, FileSystemType] = {}
        self.mount_hashtable: dict[tuple[Vfsmount, Dentry], Vfsmount] = {}  # what is mounted there
        self.mnt_id_ida: Ida = Ida()
        self.mnt_group_ida: Ida = Ida()
        self.anon_minor: int = 0  # minor number of the last anonymous st_dev
        self.nr_inodes: int = 0  # files that live in memory only
        self.max_inodes: int = 0
        self.nr_files: int = 0  # struct file in use
        self.max_files: int = 0
        self.sysctl_nr_open: int = 1024 * 1024
        self.devtmpfs_sb: SuperBlock | None = None  # /dev
        self.proc_sbs: list[ProcSuperBlock] = []  # instances of /proc, one per pid namespace that it was mounted for
        self.pipe_max_size: int = 0
        self.blocked_posix_locks: dict[FileLock, None] = {}  # who waits for a record lock
        self.leases_enable: int = 1  # whether new ones are given
        self.lease_break_time: int = 45  # seconds that a holder has; none: for ever
        self.dir_notify_enable: int = 1  # whether F_NOTIFY is there
        self.dnotify_group: DnotifyGroup | None = None  # who uses it, made when somebody does
        self.mandlock: bool = False  # whether anything is, or was, mounted so that locks may be mandatory
        self.ep_nests: int = 0  # how many epoll files are waking each other's pollers just now
        self.suid_dumpable: int = 0
        self.core_pattern: bytes = b"core"
        self.core_pipe_limit: int = 0  # how many programs may be given cores at once; 0: any number, not waited for
        self.core_dump_count: int = 0  # how many are just now
        self.core_store: CoreStore | None = None  # hw: where what core_pattern pipes goes
        self.lower_opened: Callable[[Lower], None] | None = None  # told of each file of the root's that is read
        self.volumes: list[Volume] = []  # what of the host is shared
        self.nr_fsnotify_marks: int = 0  # all there are: with 0 nobody is told anything
        self.fsnotify_inodes: dict[Inode, None] = {}  # that have marks, in the order of their first
        self.fsnotify_dying: dict[Inode, Dentry] = {}  # directories with marks, removed but in use
        self.fsnotify_groups: dict[FsnotifyGroup, None] = {}  # in the order of their making
        self.fsnotify_group_serial: int = 0  # of the last group
        self.fsnotify_sync_cookie: int = 0  # of the last rename
        self.q_overflow_event: FsnotifyEvent | None = None  # made when first needed
        self.aio_nr: int = 0  # requests that all contexts together were made for
        self.aio_max_nr: int = 0x10000  # and the most there may be


class TtyState:
    """drivers/tty, and the console under /dev/console."""

    __slots__ = (
        "ptm_driver",
        "pts_driver",
        "devpts_sb",
        "console_wait",
        "console_dev",
        "hvc_driver",
        "hvc_timer",
        "pty_count",
        "pty_limit",
        "is_console",
        "winsize",
        "hvc_wants",
        "hvc_live",
        "flip_work",
    )  # derived

    ptm_driver: TtyDriver  # masters and slaves of pseudo-terminals
    pts_driver: TtyDriver
    devpts_sb: DevptsSuperBlock  # /dev/pts
    console_wait: WaitQueueHead  # readers of the console; pm_idle wakes it when input has come
    console_dev: ConsoleDevice
    hvc_driver: TtyDriver  # only if the console is a terminal
    hvc_timer: TimerList  # looks for input; only then

    def __init__(self) -> None:
        self.pty_count: int = 0  # pairs in use
        self.pty_limit: int = 4096  # and the most there may be
        self.is_console: bool = False  # configuration: the console is a terminal
        self.winsize: tuple[int, int] = (24, 80)  # its rows and columns
        self.hvc_wants: bool = False  # to be told of it at once: nothing is known to lie there, and there is room
        self.hvc_live: bool = False  # somebody watches for input besides
        self.flip_work: list[TtyStruct] = []  # those whose input is being moved, and then will be


class NetState:
    """net/."""

    __slots__ = (
        "sock_mnt",
        "sysctl_optmem_max",
        "sysctl_wmem_max",
        "sysctl_rmem_max",
        "sysctl_wmem_default",
        "sysctl_rmem_default",
        "netdev_chain",
        "rtnl_msg_handlers",
        "rtnl_af_ops",
        "proc_net",
        "inet_diag_table",
        "sockets_in_use",
        "sock_serial",
        "ifindex",
        "published",
        "published_inside",
        "softnet",
        "tcp_isn",
        "port_hint",
        "tw_count",
        "orphan_count",
        "scm_work_list",
        "unix_sockets",
        "unix_tot_inflight",
        "gc_inflight_list",
        "gc_left_out",
        "gc_in_progress",
        "unix_ordernum",
        "nl_table",
        "netlink_rover",
        "genl_families",
    )  # derived

    sock_mnt: Vfsmount  # that sockets live in: no path leads there

    def __init__(self) -> None:
        self.sysctl_optmem_max: int = 20480  # bytes of control messages and filters of a socket
        self.sysctl_wmem_max: int = 212992  # bytes that a program may ask for as a buffer
        self.sysctl_rmem_max: int = 212992
        self.sysctl_wmem_default: int = 212992
        self.sysctl_rmem_default: int = 212992
        # Who is told of changes of an interface, the last argument being the IFF_ bits that are others now.
        self.netdev_chain: list[Callable[[Kernel, NetNamespace, NetDevice, int], None]] = []
        self.rtnl_msg_handlers: dict[tuple[int, int], RtnlLink] = {}  # by protocol family and type of message
        self.rtnl_af_ops: list[Callable[[Kernel, NetDevice], bytes]] = []  # what address families tell of a link
        self.proc_net: dict[str, Callable[[Kernel, NetNamespace], bytes]] = {}  # the text of each file of /proc/net
        self.inet_diag_table: dict[int, InetDiagHandler] = {}  # who has sockets of a kind
        self.sockets_in_use: int = 0  # those with an open file
        self.sock_serial: int = 0  # how many have been made
        self.ifindex: int = 0  # the interface that was made last, in whichever network
        self.published: Ports | None = None  # hw: ports of the host that lead inside
        self.published_inside: Published | None = None  # what is done with them
        self.softnet: SoftnetData | None = None  # packets under way, once there has been an internet socket
        self.tcp_isn: int = 0  # where the next stream begins
        self.port_hint: int = 0  # moves on with each port given to a connection
        self.tw_count: int = 0  # connections that have ended and are remembered
        self.orphan_count: int = 0  # connections without a file
        self.scm_work_list: list[File] | None = None  # files of lost messages while they are being closed
        self.unix_sockets: dict[Inode, UnixSock] = {}  # those bound to a path, by its inode
        self.unix_tot_inflight: int = 0  # how many times local sockets are on their way through others
        self.gc_inflight_list: dict[UnixSock, None] = {}  # those that are
        self.gc_left_out: int = 0  # how often it was due, and has not been done
        self.gc_in_progress: bool = False
        self.unix_ordernum: int = 1  # where the search for an abstract name goes on
        self.nl_table: dict[int, NetlinkTable] = {}  # the netlink protocols that somebody serves
        self.netlink_rover: int = -4097  # the next address for a socket whose process has one already
        self.genl_families: dict[int, GenlFamily] = {}  # by number


class Kernel:
    """The state of one kernel."""

    # The machine: set before start_kernel.
    frames: Frames  # physical memory and struct page
    clock: Clock  # now_ns: virtual nanoseconds since boot
    chooser: Chooser  # everything free to choose
    console: Console
    lockdep: Lockdep
    trace: Trace
    # The gate of page faults that the kernel itself makes in user memory (arch/x86/traps.py); raises EFAULT.
    page_fault: Callable[[Task, MmStruct, int, bool], None]

    # The gate to execve(2) for helpers (fs/exec.py): path, UserStrings twice; raises as execve.
    kernel_execve: Callable[[Task, str, Any, Any], Coroutine[Any, Any, None]]

    # kernel/fork.c, exit.c
    init_task: Task
    tasklist_lock: RwLock

    # kernel/pid.c
    init_pid_ns: PidNamespace
    init_struct_pid: Pid
    pidmap_lock: SpinLock

    # kernel/acct.c
    acct_parm: list[int]
    acct_auto_close_mnt: Callable[[Kernel, Vfsmount], None]

    taskstats: TaskstatsState  # kernel/taskstats.c
    keys: KeyState  # security/keys/

    # kernel/nsproxy.c
    init_uts_ns: UtsNamespace
    init_ipc_ns: IpcNamespace
    init_net_ns: NetNamespace
    init_nsproxy: Nsproxy

    # ipc/mqueue.c
    mq_lock: SpinLock  # how many queues, and bytes, a namespace and a user have

    # kernel/wait.c
    bit_wait: WaitQueueHead  # of who waits for a bit of some Task.jobctl to be cleared (bit_waitqueue)

    rcu: RcuState
    futex_queues: FutexHash

    # What was allocated when the program was started, to be given back by the end; None until then.
    slab_baseline: dict[str, int] | None
    frames_baseline: int
    check_baseline: Callable[[], None]  # set by boot: raise KernelBug unless it was

    def __init__(self) -> None:
        """Be a kernel in which nothing has happened; start_kernel() fills in the rest."""
        self.cpu: int = 0  # number of the CPU that is executing
        self.nr_cpus: int = 1
        self.closed_fds: tuple[int, ...] = ()  # which of 0, 1 and 2 the first program does not have: configuration
        self.hostname: bytes = b"procession"  # nodename of the first uts namespace: configuration
        self.release: bytes = RELEASE  # and its release
        self.later: frozenset[str] = frozenset()  # what it has that came after 3.2 (later.py): configuration
        self.syscalls: dict[str, Syscall] = SYSCALLS  # the native calls, by name: with those of later
        self.boot_time_ns: int = 0  # CLOCK_REALTIME at boot, from the configuration
        # Called when a trap was answered or a kernel stack put aside: no lock is held, all structures are whole.
        self.after_trap: Callable[[], None] | None = None
        # Called when the first program's own code is about to begin, if that is Python; it may end the machine loop.
        self.at_program: Callable[[], None] | None = None
        # How to wait for the outside when every CPU is idle, until another event is due in so many ns (None: nothing
        # is); returns whether anything has happened. Set by the console's driver.
        self.pm_idle: Callable[[Kernel, int | None], bool] | None = None
        self.lock_classes: dict[str, LockClass] = {}
        self.caches: dict[str, KmemCache] = {}
        self.fault_attr: FaultAttr | None = None  # whom to refuse what on purpose; None: nobody anything
        self.unsupported: Counter[str] = Counter()  # "call: flag" that a guest asked for: 3.2 has it and this has not
        self.enosys: Counter[str] = Counter()  # calls that 3.2 does not have
        self.in_vain: Callable[[str], None] | None = None  # told of each of both, as current asks; for observers
        self.log: LogBuf = LogBuf()
        self.printk_log: list[tuple[int, str]] = []  # the same for observers: time, and message without its level
        self.print_fatal_signals: int = 0
        self.show_unhandled_signals: int = 1
        self.sysrq_enabled: int = 1  # what keys may have the kernel do: 0 nothing, 1 all, else bits
        self.sysctls: dict[str, int] = {}  # tunables that have no other home
        self.sysctl_polls: dict[str, CtlTablePoll] = {}  # of those whose changes can be polled for, by name
        self.tainted: int = 0  # reasons not to trust the kernel any more, as bits
        self.cad_pid: Pid | None = None  # whom Ctrl-Alt-Del would signal; None: init. Ours: not counted as a user
        self.kptr_restrict: int = 0  # 1: %pK is for who has CAP_SYSLOG, 2: for nobody
        self.latencytop_enabled: int = 0
        self.latency_record: list[LatencyRecord] = []
        self.boot_id: str = ""  # /proc/sys/kernel/random/boot_id, made when first read

        self.acct_list: dict[BsdAcct, None] = {}  # where records of processes go, the oldest first

        self.tasks: dict[Task, None] = {}  # thread group leaders, init_task not included, by birth
        self.nr_threads: int = 0
        self.process_counts: int = 0
        self.total_forks: int = 0
        self.max_threads: int = 0
        self.pid_max: int = 0
        self.pid_max_min: int = 0

        self.sched: SchedState = SchedState()
        self.timers: TimerState = TimerState()
        self.users: UserState = UserState()
        self.cgroups: CgroupState = CgroupState()
        self.kthreads: KthreadState = KthreadState()
        self.wq: WorkqueueState = WorkqueueState()
        self.hung_task: HungTaskState = HungTaskState()
        self.mm: MmState = MmState()
        self.vfs: VfsState = VfsState()
        self.tty: TtyState = TtyState()
        self.net: NetState = NetState()
        self.ipc: IpcState = IpcState()
        self.x86: X86State = X86State()

        # What to run, and how the run has ended.
        self.programs: dict[str, Callable[..., Any]] = {}  # Python programs, by the path they can be executed at
        self.init_program: InitProgram | None = None  # what PID 1 runs
        self.init_error: LinuxError | None = None  # why that could not be executed
        self.halted: bool = False  # PID 1's child, or PID 1, has ended: stop the machine
        self.exit_code: int = 0  # wait status of the program the machine was booted for
        self.slab_baseline = None
        self.frames_baseline = 0

    @property
    def current(self) -> Task:
        """The task that this CPU is executing."""
        return self.sched.runqueues[self.cpu].curr

    def lock_class(self, name: str) -> LockClass:
        """Return the lock class called name, made on first use."""
        cls = self.lock_classes.get(name)
        if cls is None:
            cls = self.lock_classes[name] = LockClass(name, self.lockdep)
        return cls

    def wait_queue_head(self, name: str) -> WaitQueueHead:
        """Make an empty wait queue whose lock is of class name (init_waitqueue_head)."""
        return WaitQueueHead(SpinLock(self.lock_class(name)))

    def not_modelled(self, what: str) -> None:
        """Count something of 3.2's that a guest asked for and this kernel lacks: the caller then raises an errno."""
        self.unsupported[what] += 1
        if self.in_vain is not None:
            self.in_vain(what)

    def not_in_linux(self, name: str) -> None:
        """Count a call that a guest made and 3.2 does not have: the caller then answers ENOSYS."""
        self.enosys[name] += 1
        if self.in_vain is not None:
            self.in_vain(name)

    def printk(self, text: str, level: str = KERN_WARNING) -> None:
        """Write a line to the kernel log, or several, separated by newlines."""
        log = self.log
        if log.new_text_line and level in LEVELS and len(text) < PLAIN_LEN and text.isascii() and text.isprintable():
            self.clock.now_ns += log.printk_delay_msec * NSEC_PER_MSEC
            now_ns = self.clock.now_ns
            self._remember(now_ns, text)
            log.add_line(now_ns, level, text)
            return
        self.vprintk(string.to_bytes(f"{level}{text}\n"))

    def vprintk(self, text: bytes) -> int:
        """Write text to the kernel log, which may be a part of a line; returns as LogBuf.vprintk."""
        self.clock.now_ns += self.log.printk_delay_msec * NSEC_PER_MSEC
        now = self.clock.now_ns
        if text:
            seen = _PREFIX.sub("", text.decode("utf-8", "backslashreplace"), count=1).rstrip("\n")
            self._remember(now, seen)
        return self.log.vprintk(now, text)

    def _remember(self, now_ns: int, text: str) -> None:
        """Add to what the machine's user sees of the log."""
        self.printk_log.append((now_ns, text))
        if len(self.printk_log) > _MOST_MESSAGES:
            del self.printk_log[: _MOST_MESSAGES // 2]

    def printk_once(self, where: str, text: str, level: str = KERN_WARNING) -> None:
        """Write a line to the kernel log if it is the first from there."""
        if where not in self.log.warned:
            self.log.warned.add(where)
            self.printk(text, level)

    def printk_ratelimit(self, func: str) -> bool:
        """Whether one more of the messages that programs can cause may be printed; func asks (__printk_ratelimit)."""
        log = self.log
        interval = log.ratelimit_seconds * NSEC_PER_SEC
        may, suppressed = log.printk_ratelimit_state.ratelimit(self.clock.now_ns, interval, log.ratelimit_burst)
        if suppressed:
            self.printk(f"{func}: {suppressed} callbacks suppressed")
        return may
