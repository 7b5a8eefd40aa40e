"""All that Linux keeps in globals, as the fields of one object. Any number of kernels live in one process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from procession.hw.clock import NEVER
from procession.include.linux.spinlock import LockClass, SpinLock
from procession.include.linux.wait import WaitQueueHead

if TYPE_CHECKING:
    from procession.hw.chooser import Chooser
    from procession.hw.clock import Clock
    from procession.hw.console import Console
    from procession.hw.core_store import CoreStore
    from procession.hw.memory import Frames
    from procession.include.linux.binfmts import LinuxBinfmt
    from procession.include.linux.errno import LinuxError
    from procession.include.linux.fault_inject import FaultAttr
    from procession.include.linux.nsproxy import IpcNamespace, NetNamespace, Nsproxy, UserNamespace, UtsNamespace
    from procession.include.linux.pid import Pid, PidNamespace
    from procession.include.linux.sched import Task, UserStruct
    from procession.include.linux.slab import KmemCache
    from procession.include.linux.spinlock import Lockdep, RwLock
    from procession.include.linux.tty import TtyDriver
    from procession.include.trace.tracepoints import Trace


class Kernel:
    """The state of one kernel. Each subsystem's *_init function, called by init/main.py, fills its own part."""

    # hw: set by boot before start_kernel.
    frames: Frames  # physical memory and struct page
    clock: Clock  # now_ns: virtual nanoseconds since boot
    chooser: Chooser  # everything free to choose
    console: Console
    cpu: int  # number of the CPU that is executing
    nr_cpus: int
    boot_time_ns: int  # CLOCK_REALTIME at boot, from the configuration
    vcpus: list[Any]  # arch/x86's per-CPU execution back-ends, made when first used

    trace: Trace
    # Called when a trap was answered or a kernel stack put aside: no lock is held, all structures are whole.
    after_trap: Callable[[], None] | None = None
    lockdep: Lockdep
    lock_classes: dict[str, LockClass]
    caches: dict[str, KmemCache]
    unsupported: Counter[str]  # "call", "call: flag" that a guest asked for and 3.2 has but we have not
    enosys: Counter[str]  # calls that 3.2 does not have
    printk_log: list[tuple[int, str]]
    printk_cleared: int = 0  # syslog(2) was told to forget the entries before this one

    # kernel/fork.c, exit.c
    init_task: Task
    tasklist_lock: RwLock
    tasks: dict[Task, None]  # thread group leaders, init_task not included, by birth
    nr_threads: int
    process_counts: int
    total_forks: int
    max_threads: int

    # kernel/pid.c
    init_pid_ns: PidNamespace
    init_struct_pid: Pid
    pidmap_lock: SpinLock
    pid_max: int
    pid_max_min: int

    # kernel/user.c, nsproxy.c, cred.c
    init_user_ns: UserNamespace
    root_user: UserStruct
    uidhash: dict[tuple[int, int], UserStruct]
    uidhash_lock: SpinLock
    user_ns_serial: int
    init_uts_ns: UtsNamespace
    init_ipc_ns: IpcNamespace
    init_net_ns: NetNamespace
    init_nsproxy: Nsproxy

    # kernel/sched.c
    runqueues: list[Any]  # kernel/sched.py's Rq, by CPU
    avenrun: list[int]  # as of the last fold: read it with sched_load.get_avenrun
    calc_load_update_ns: int  # when the next fold is due

    # kernel/hrtimer.c: heap of (expires_ns, serial, Hrtimer)
    hrtimers: list[Any]
    timer_serial: int
    posix_timers_id: dict[int, None]  # numbers in use

    # kernel/rcupdate.c, kthread.c, futex.c
    rcu: Any
    kthreadd_task: Task
    kthread_create_list: list[Any]
    kthread_create_lock: SpinLock
    futex_queues: Any

    # mm
    fault_attr: FaultAttr | None = None  # whom to refuse what on purpose; None: nobody anything
    zero_pfn: int
    total_pages: int
    free_list: list[int]  # free frames, the next one to use last
    next_fresh: int  # frames from here on were never used, and are zero
    page_cache: dict[int, Any]  # frame -> (inode, page index) of all cached file pages, oldest first
    shm_sb: Any  # SuperBlock of shared anonymous memory, made when first used
    tlb_gen: int  # arch/x86: number of TLB flushes asked for so far
    tb_dirty_pages: list[int]  # arch/x86: frames whose translated code is out of date
    untranslatable: dict[int, list[int]]  # arch/x86: executed frame -> offsets of what the CPU cannot translate
    kmem_pages: int  # what lies in pipes and sockets, in pages
    kmem_limit: int  # and the most that may
    overcommit_memory: int
    overcommit_ratio: int
    vm_committed: int  # pages promised to private writable mappings
    max_map_count: int
    mmap_min_addr: int
    fault_around_pages: int  # map up to so many cached file pages at a read fault; 3.2 knows only 1

    # fs
    formats: list[LinuxBinfmt]
    binfmt_lock: Any
    rootfs: Any  # Vfsmount of /
    devices: dict[int, Any]  # rdev of a character device -> open function
    file_systems: dict[str, Any]  # name -> fs/super.py's FileSystemType
    mount_hashtable: dict[tuple[Any, Any], Any]  # (Vfsmount, Dentry) -> the Vfsmount on top of it
    anon_minor: int  # minor number of the last anonymous st_dev
    nr_inodes: int  # files that live in memory only
    max_inodes: int
    nr_files: int  # struct file in use
    max_files: int
    console_wait: WaitQueueHead  # readers of the console; the idle loop wakes it when input has come
    console_dev: Any  # fs/devices.py's ConsoleDevice
    devtmpfs_sb: Any  # SuperBlock of /dev
    ptm_driver: TtyDriver  # drivers/tty: masters and slaves of pseudo-terminals
    pts_driver: TtyDriver
    devpts_sb: Any  # SuperBlock of /dev/pts
    pty_count: int  # pairs in use
    tty: bool = False  # configuration: the console is a terminal, of (rows, columns)
    winsize: tuple[int, int]
    hvc_driver: TtyDriver  # only then
    hvc_poll_ns: int = NEVER  # when to look for input next
    hvc_wants: bool  # to be told of it at once: nothing is known to lie there, and there is room
    hvc_live: bool = False  # somebody watches for input besides
    next_timer_ns: int  # what else is due: until then a program may run without looking
    core_pattern: str
    core_store: CoreStore | None = None  # hw: where what core_pattern pipes goes
    suid_dumpable: int
    sysctl_nr_open: int
    pipe_mnt: Any  # Vfsmount that pipes live in, no path leads there
    pipe_max_size: int
    sock_mnt: Any  # the same for sockets
    scm_work_list: list[Any] | None  # net/unix: files of lost messages while they are being closed
    unix_sockets: dict[Any, Any]  # net/unix: the bound ones, by inode or abstract name
    ep_nests: int  # how many epoll files are waking each other's pollers just now
    anon_inode_mnt: Any  # and for files that are only descriptors: epoll, eventfd, signalfd, timerfd
    proc_sbs: list[Any]  # instances of /proc, one per pid namespace that it was mounted for
    sysctls: dict[str, int]  # kernel/sysctl.py: tunables that have no other home
    blocked_posix_locks: dict[Any, None]  # fs/locks.py: who waits for a record lock
    boot_id: str  # /proc/sys/kernel/random/boot_id, made when first read

    # arch/python
    programs: dict[str, Any]  # path -> registered Python program

    # What was allocated when the program was started: it has to be given back by the end.
    slab_baseline: dict[str, int]
    frames_baseline: int
    check_baseline: Callable[[], None]  # set by boot: raise KernelBug unless it was

    # The result of the run.
    halted: bool  # PID 1's child, or PID 1, has ended: stop the machine
    init_program: Any  # init/main.py's InitProgram: what PID 1 runs
    init_error: LinuxError | None  # why that could not be executed
    exit_code: int  # wait status of the program the machine was booted for

    @property
    def current(self) -> Task:
        """The task that this CPU is executing."""
        task: Task = self.runqueues[self.cpu].curr
        return task

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

    def printk(self, text: str) -> None:
        """Write a line to the kernel log."""
        self.printk_log.append((self.clock.now_ns, text))
