"""From an assembled machine to the first program (init/main.c; spec 12).

start_kernel() brings the kernel up as PID 0 and leaves two new tasks behind: kernel_init, which becomes PID 1, and
kthreadd. They run when the machine loop (kernel/entry.py) is started.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

from procession.arch.x86 import traps
from procession.block import blk_cgroup, blk_ioc
from procession.drivers.tty import pty, tty_io
from procession.drivers.tty.hvc import hvc_console
from procession.fs import (
    anon_inodes,
    binfmt_elf,
    binfmt_python,
    binfmt_script,
    compat_binfmt_elf,
    coredump_pipe,
    debugfs,
    devices,
    fcntl,
    file,
    file_table,
    fs_struct,
    locks,
    namei,
    namespace,
    overlay,
    pipe,
    sysfs,
)
from procession.fs import exec as fs_exec
from procession.fs import open as fs_open
from procession.fs.hostfs import volumes
from procession.fs.proc import cmdline, cpuinfo, version
from procession.fs.proc import root as proc_root
from procession.include.linux.binfmts import UserStrings
from procession.include.linux.bug import bug, bug_on
from procession.include.linux.cred import Cred
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import AT_FDCWD, O_RDWR
from procession.include.linux.fs import PathRef
from procession.include.linux.nsproxy import Nsproxy, UtsNamespace
from procession.include.linux.printk import KERN_INFO, KERN_NOTICE, KERN_WARNING
from procession.include.linux.resource import (
    RLIM_INFINITY,
    RLIM_NLIMITS,
    RLIMIT_CORE,
    RLIMIT_MEMLOCK,
    RLIMIT_MSGQUEUE,
    RLIMIT_NICE,
    RLIMIT_NOFILE,
    RLIMIT_NPROC,
    RLIMIT_RTPRIO,
    RLIMIT_SIGPENDING,
    RLIMIT_STACK,
)
from procession.include.linux.sched import (
    CLONE_FILES,
    CLONE_FS,
    CLONE_SIGHAND,
    PF_KTHREAD,
    SIGNAL_UNKILLABLE,
    TASK_UNINTERRUPTIBLE,
    SighandStruct,
    SignalStruct,
    Task,
    set_task_state,
)
from procession.include.linux.signal import SIGCHLD, SIGKILL
from procession.include.linux.spinlock import SpinLock
from procession.include.linux.wait import WALL, WEXITED
from procession.init import kthreads, login
from procession.ipc import mqueue
from procession.kernel import (
    acct,
    cgroup,
    cgroup_debug,
    cgroup_freezer,
    cgroup_fs,
    cgroup_release,
    completion,
    cpuacct,
    cpuset,
    cred,
    exit_wait,
    fork,
    futex,
    hrtimer,
    hung_task,
    kmod,
    kthread,
    nsproxy,
    pid,
    posix_timers,
    printk,
    rcupdate,
    sched,
    sched_balance,
    sched_cgroup,
    siginfo,
    signal_queue,
    signal_send,
    sys,
    taskstats,
    user,
    user_namespace,
    workqueue,
)
from procession.lib import string
from procession.mm import memcontrol_files, page_alloc, slab
from procession.net import protocols
from procession.net.ipv4 import published
from procession.net.sched import cls_cgroup
from procession.security import device_cgroup
from procession.security.keys import proc as key_proc

if TYPE_CHECKING:
    from procession.fs.overlay import RootSpec
    from procession.include.linux.cgroup import CgroupSubsys
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.wait import Completion

__all__ = ("InitProgram", "set_init_program", "start_kernel")

_STACK_LIMIT: Final = 8 << 20
_MEMLOCK_LIMIT: Final = 64 << 10


class InitProgram:
    """What the machine was booted for.

    as_init: the program is PID 1 itself; else PID 1 is a small init that runs it as a child, and reaps.
    user: whom it runs as, as init/login.py reads it; None: root, and envp is all its environment.
    doing: what the last step before the program was about, for whoever has to say why it did not start; started:
    whether only the program itself was left to do.
    """

    __slots__ = ("argv", "envp", "cwd", "as_init", "nr", "user", "doing", "started")  # derived

    def __init__(
        self, argv: Sequence[str], envp: Sequence[str], cwd: str = "/", as_init: bool = False, user: str | None = None
    ) -> None:
        self.argv: Sequence[str] = argv
        self.envp: Sequence[str] = envp
        self.cwd: str = cwd
        self.as_init: bool = as_init
        self.nr: int = 0  # its process, once it was forked
        self.user: str | None = user
        self.doing: str = ""
        self.started: bool = False


def start_kernel(k: Kernel, root: RootSpec) -> None:
    """Bring up all subsystems, in an order in which each finds what it needs; root: what to mount at /.

    Context: the caller is PID 0. Raises OSError if the host will not show the root.
    """
    # What is said in 3.2's words is what is true here as well; its hardware, its hash tables and its zones are not.
    k.printk(version.linux_banner(UtsNamespace()), KERN_NOTICE)
    k.printk(f"Command line: {cmdline.SAVED_COMMAND_LINE}", KERN_INFO)
    k.printk(f"Kernel command line: {cmdline.SAVED_COMMAND_LINE}", KERN_NOTICE)
    traps.trap_init(k)
    page_alloc.mem_init(k)
    fork.fork_init(k)
    user.uid_cache_init(k)
    cred.cred_init(k)
    nsproxy.nsproxy_init(k)
    pid.pidmap_init(k)
    cgroup.cgroup_init(k, cgroup_subsystems(k))
    init_task(k)
    sched.sched_init(k)
    rcupdate.rcu_init(k)
    hrtimer.hrtimers_init(k)
    printk.printk_init(k)
    posix_timers.posix_timers_init(k)
    futex.futex_init(k)
    blk_ioc.blk_ioc_init(k)
    kthread.kthread_init(k)
    acct.acct_init(k)
    signal_queue.signals_init(k)
    vfs_caches_init(k, root)
    smp_init(k)
    workqueue.init_workqueues(k)
    kmod.usermodehelper_init(k)
    hung_task.hung_task_init(k)
    coredump_pipe.coredump_pipe_init(k)
    cgroup_release.cgroup_release_init(k)
    rest_init(k)


def cgroup_subsystems(k: Kernel) -> list[CgroupSubsys]:
    """Return the controllers of control groups, in the order of their numbers."""
    return [
        cpuset.CpusetSubsys(k),
        cgroup_debug.DebugSubsys(k),
        sched_cgroup.CpuSubsys(k),
        cpuacct.CpuacctSubsys(k),
        memcontrol_files.MemorySubsys(k),
        device_cgroup.DevicesSubsys(k),
        cgroup_freezer.FreezerSubsys(k),
        cls_cgroup.NetClsSubsys(k),
        blk_cgroup.BlkioSubsys(k),
    ]


def vfs_caches_init(k: Kernel, root: RootSpec) -> None:
    """Set up files, mount the root, and give the boot task its place in it."""
    file_table.files_init(k)
    locks.filelock_init(k)
    namespace.vfs_init(k)
    sysfs.sysfs_init(k)
    debugfs.debugfs_init(k)
    proc_root.proc_root_init(k)
    cgroup_fs.cgroup_fs_init(k)
    pipe.init_pipe_fs(k)
    anon_inodes.anon_inode_init(k)
    protocols.sock_init(k)
    taskstats.taskstats_init(k)
    key_proc.key_init(k)
    tty_io.tty_init(k)
    pty.pty_init(k)
    hvc_console.hvc_console_init(k)
    published.publish_init(k)
    fs_exec.exec_init(k)
    binfmt_script.init_script_binfmt(k)
    binfmt_elf.init_elf_binfmt(k)
    compat_binfmt_elf.init_compat_elf_binfmt(k)
    binfmt_python.init_python_binfmt(k)
    mnt_ns = namespace.mount_root(k, overlay.fill_root(k, root))
    k.init_nsproxy = Nsproxy(k.init_uts_ns, k.init_ipc_ns, mnt_ns, k.init_pid_ns, k.init_net_ns)
    k.init_task.nsproxy = k.init_nsproxy
    k.init_task.fs = fs_struct.init_fs(k, PathRef(k.vfs.rootfs, k.vfs.rootfs.mnt_root))
    k.init_task.files = file.init_files(k)
    volumes.mount_volumes(k)
    mqueue.init_mqueue_fs(k)
    cgroup_fs.cgroup_mount_point(k)


# PID 0.


def init_task(k: Kernel) -> None:
    """Make the boot task by hand; every other task is a copy of its parent (INIT_TASK)."""
    p = k.init_task = Task(k)
    p.thread = kthread.IdleThread()
    p.alloc_lock = SpinLock(k.lock_class("alloc_lock"))
    p.cgroups = k.cgroups.init_css_set
    p.pids = [k.init_struct_pid] * 3
    # For ever a member: pid 0 is never freed, whoever leaves its group and session (INIT_STRUCT_PID).
    k.init_struct_pid.tasks = [{p: None} for _ in p.pids]
    p.cpus_allowed = (1 << k.nr_cpus) - 1
    # Root with all capabilities; these credentials are static and never freed.
    p.real_cred = p.cred = Cred(k.users.root_user)
    p.cred.usage = 4
    k.users.init_user_ns.count += 1
    user_namespace.set_cred_ucounts(k, p.cred)
    if p.cred.ucounts is not None:
        p.cred.ucounts.processes = 1
    p.signal = SignalStruct(p, k.wait_queue_head("wait_chldexit.lock"))
    p.signal.rlim = init_rlimits(k)
    # Ours: in 3.2 a signal to group 0 stays queued with the idle task for ever.
    p.signal.flags = SIGNAL_UNKILLABLE
    p.sighand = SighandStruct(SpinLock(k.lock_class("sighand->siglock")))
    p.start_time = p.real_start_time = k.clock.now_ns


def init_rlimits(k: Kernel) -> list[tuple[int, int]]:
    """Return the limits that everybody inherits (INIT_RLIMITS, fork_init; spec 19)."""
    rlim = [(RLIM_INFINITY, RLIM_INFINITY)] * RLIM_NLIMITS
    rlim[RLIMIT_STACK] = (_STACK_LIMIT, RLIM_INFINITY)
    rlim[RLIMIT_CORE] = (0, RLIM_INFINITY)
    rlim[RLIMIT_NPROC] = rlim[RLIMIT_SIGPENDING] = (k.max_threads // 2, k.max_threads // 2)
    rlim[RLIMIT_NOFILE] = (1024, 4096)
    rlim[RLIMIT_MEMLOCK] = (_MEMLOCK_LIMIT, _MEMLOCK_LIMIT)
    rlim[RLIMIT_MSGQUEUE] = (819200, 819200)
    rlim[RLIMIT_NICE] = rlim[RLIMIT_RTPRIO] = (0, 0)
    return rlim


def smp_init(k: Kernel) -> None:
    """Give every other CPU its idle task: a copy of the boot task, PID 0 like it (fork_idle)."""
    if k.nr_cpus > 1:
        k.init_task.comm = "swapper/0"
    k.printk(cpuinfo.print_cpu_info(), KERN_WARNING)
    k.clock.switch_cpu(0, 0)
    for cpu in range(1, k.nr_cpus):
        idle = k.init_task.copy()
        idle.pids = k.init_task.pids.copy()
        idle.comm = f"swapper/{cpu}"
        idle.thread = kthread.IdleThread()
        idle.on_cpu = True
        sched.init_idle(k, idle, cpu)
        k.clock.cpu_ns.append(k.clock.now_ns)
    if k.nr_cpus > 1:
        k.printk(f"Brought up {k.nr_cpus} CPUs", KERN_INFO)


def rest_init(k: Kernel) -> None:
    """Start PID 1 and PID 2; the boot task is the idle task from here on."""
    boot = k.init_task
    kthreadd_done = completion.init_completion(k)
    _at_boot(fork.kernel_thread(boot, kernel_init, kthreadd_done, CLONE_FS | CLONE_SIGHAND))
    nr = _at_boot(fork.kernel_thread(boot, kthread.kthreadd, kthreadd_done, CLONE_FS | CLONE_FILES))
    k.kthreads.kthreadd_task = kthread.kthread_task(k, nr)


def _at_boot(coro: Coroutine[Any, Any, int]) -> int:
    """Run kernel code that may sleep, before anybody can: it does not."""
    try:
        coro.send(None)
    except StopIteration as done:
        return int(done.value)
    return bug("the boot task slept")


# The kernel threads of boot.


async def start_boot_kthreads(current: Task) -> None:
    """Make the kernel threads that were asked for, each at its number; the next task gets the first program's."""
    k = current.kernel
    kthreads.keep_numbers(k)
    for name, threadfn in k.kthreads.boot_kthreads.items():
        p = await kthread.kthread_run(current, threadfn, None, name)
        bug_on(p.pid != k.kthreads.boot_nrs[name], "a kernel thread of boot with another's number", p)


# PID 1.


def set_init_program(
    k: Kernel,
    argv: Sequence[str],
    envp: Sequence[str],
    cwd: str = "/",
    *,
    as_init: bool = False,
    user: str | None = None,
) -> None:
    """Say what PID 1 is to run; between start_kernel() and the machine loop."""
    k.init_program = InitProgram(argv, envp, cwd, as_init, user)


async def kernel_init(current: Task, kthreadd_done: Completion) -> int:
    """PID 1: a small init that runs the program and reaps whatever is left to it, or the program itself."""
    k = current.kernel
    await completion.wait_for_completion(current, kthreadd_done, "kernel_init")
    program: InitProgram | None = k.init_program
    if program is None:
        bug("no program to run")
    current.cpus_allowed = (1 << k.nr_cpus) - 1
    sched_balance.sched_init_smp(k)
    await start_boot_kthreads(current)
    fs_exec.set_task_comm(current, "init")
    devices.open_console(k, current)
    current.signal.flags |= SIGNAL_UNKILLABLE
    if program.as_init:
        await _run_program(current, program)
        return 0

    current.flags &= ~PF_KTHREAD
    # Ours: no autogroup. One that all are in is worth nothing, and would cost a step at each switch.
    sys.begin_session(current)
    k.slab_baseline = slab.slab_baseline(k)
    k.frames_baseline = page_alloc.nr_used_pages(k)
    program.nr = await fork.kernel_thread(current, _run_program, program, SIGCHLD)
    k.exit_code = await _reap_until(current, program.nr)
    kmod.usermodehelper_disable(k)
    await _kill_survivors(current)
    mqueue.mq_drop_queues(k.init_ipc_ns)
    if k.kthreads.kthreadd_task.children:
        await kthreads.stop_kthreads(current)
        # What the workers have begun may have left more processes behind.
        await _kill_survivors(current)
    await acct.acct_exit_ns(current, k.init_pid_ns)  # in 3.2 it goes on until the power goes
    key_proc.key_exit(k)
    k.halted = True
    # Nothing runs any more: the machine loop looks at `halted` when this task gives up the CPU.
    set_task_state(current, TASK_UNINTERRUPTIBLE)
    await sched.schedule(current, "kernel_init")
    return bug("running after the halt")


async def _run_program(current: Task, program: InitProgram) -> int:
    """Become the program; if that fails the machine stops, and the reason is the caller's of run()."""
    k = current.kernel
    try:
        if k.tty.is_console:
            await _open_terminal(current)
        for fd in k.closed_fds:
            file.close_fd(current, fd)
        if program.cwd != "/":
            assert current.fs is not None
            program.doing = program.cwd
            fs_struct.set_fs_pwd(current.fs, namei.kern_path(current, program.cwd, directory=True))
        if program.user is not None:
            program.doing = program.user
            user = await login.find_user(current, program.user)
            login.become(current, user)
            program.envp = login.environment(user, list(program.envp))
        program.started = True
        argv = UserStrings(tuple(string.to_bytes(arg) for arg in program.argv))
        envp = UserStrings(tuple(string.to_bytes(text) for text in program.envp))
        await _execvpe(current, program, argv, envp)
    except LinuxError as error:
        k.init_error = error
        k.halted = True
        return 127 << 8
    return 0


async def _open_terminal(current: Task) -> None:
    """Lead a session whose terminal is the console's, opened as 0, 1 and 2: what getty(8) does."""
    sys.sys_setsid(current)
    fd = await fs_open.do_sys_open(current, AT_FDCWD, "/dev/hvc0", O_RDWR, 0)
    for to in range(3):
        fcntl.sys_dup2(current, fd, to)
    file.close_fd(current, fd)


async def _execvpe(current: Task, program: InitProgram, argv: UserStrings, envp: UserStrings) -> None:
    """Execute argv[0], looked for along PATH if it has no slash."""
    program.doing = name = program.argv[0]
    if not name:
        raise LinuxError(Errno.ENOENT, "a program without a name")
    if "/" in name:
        await fs_exec.do_execve(current, name, argv, envp)  # type: ignore[arg-type]
        return
    path = next((text[5:] for text in program.envp if text.startswith("PATH=")), "/bin:/usr/bin")
    error = LinuxError(Errno.ENOENT, f"{name}: not found in {path}")
    for directory in path.split(":"):
        try:
            await fs_exec.do_execve(current, f"{directory or '.'}/{name}", argv, envp)  # type: ignore[arg-type]
        except LinuxError as failed:
            if failed.errno not in (Errno.ENOENT, Errno.ENOTDIR):
                error = failed
        else:
            return
    raise error


async def _reap_until(current: Task, nr: int) -> int:
    """Wait for all children until process nr has ended; returns its wait status. Raises ECHILD if it is no child."""
    while True:
        wo = exit_wait.WaitOpts(WEXITED | WALL)
        try:
            if await exit_wait.do_wait(current, wo) == nr:
                return wo.status
        except LinuxError as error:
            if error.errno != Errno.ERESTARTSYS:
                raise
            signal_queue.flush_signals(current)


async def _kill_survivors(current: Task) -> None:
    """Kill whoever has outlived the program, as the end of a container does, and reap them.

    Sent as by a process: a namespace's init obeys those outside its namespace, not the kernel.
    """
    try:
        signal_send.kill_something_info(current, SIGKILL, siginfo.SEND_SIG_NOINFO, -1)
        await _reap_until(current, -1)
    except LinuxError as error:
        if error.errno not in (Errno.ESRCH, Errno.ECHILD):  # nobody to kill, nobody left
            raise
