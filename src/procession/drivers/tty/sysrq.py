"""What one can have the kernel do in an emergency, by a letter (drivers/tty/sysrq.c; spec proc-kthreads 8).

As in a 3.2 without virtual terminals and ftrace, k, r and z have no handlers; l has one where there are several CPUs.

Differs: no key of a terminal leads here, since the kernel says nothing on it (^O of a hypervisor's console is for what
is one, CONFIG_MAGIC_SYSRQ in hvc_console.c), only /proc/sysrq-trigger, which does not ask the kernel.sysrq mask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IFREG, File
from procession.include.linux.printk import KERN_ALERT, KERN_EMERG, KERN_INFO
from procession.include.linux.proc_fs import ProcInode
from procession.include.linux.sched import SCHED_NORMAL, TASK_UNINTERRUPTIBLE
from procession.include.linux.signal import SIGKILL, SIGTERM
from procession.include.linux.workqueue import WorkStruct
from procession.kernel import panic, sched, sched_prio, sched_show, sched_syscalls, signal_send, stacktrace, workqueue
from procession.mm import oom_kill, uaccess

if TYPE_CHECKING:
    from procession.include.linux.fs import PathRef
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.include.linux.sched import Task
    from procession.include.linux.types import UserPtr
    from procession.include.linux.workqueue import WorkFunc

__all__ = ("SysrqTriggerInode", "handle_sysrq")

_INTERRUPTED: Final = (
    "showacpu",
    "generic_smp_call_function_single_interrupt",
    "smp_call_function_single_interrupt",
    "call_function_single_interrupt",
)
_LOUD: Final = 7  # the console's level while it is said what is done
_LOUDEST: Final = 8
GFP_KERNEL: Final = 0xD0


class SysrqKeyOp(NamedTuple):
    """What a letter does (struct sysrq_key_op)."""

    handler: Callable[[Task, str], None]
    help_msg: str
    action_msg: str


# What the letters do.


def sysrq_handle_loglevel(current: Task, key: str) -> None:
    """Set the console's level."""
    current.kernel.printk(f"Loglevel set to {key}")
    current.kernel.log.console_printk[0] = int(key)


def sysrq_handle_reboot(current: Task, _key: str) -> None:
    """Stop the machine at once: as with reboot(2), nobody starts it again."""
    _halt(current, "Restarting system.")


def sysrq_handle_poweroff(current: Task, _key: str) -> None:
    """Stop the machine."""
    _halt(current, "Power down.")


def _halt(current: Task, text: str) -> None:
    current.kernel.printk(text, KERN_EMERG)
    current.kernel.halted = True


def sysrq_handle_crash(current: Task, _key: str) -> None:
    """Write to address 0, which is the kernel's end."""
    k = current.kernel
    k.printk("BUG: unable to handle kernel NULL pointer dereference at           (null)", KERN_ALERT)
    k.printk("Oops: 0002 [#1] SMP ", KERN_EMERG)
    k.printk(f"CPU {k.cpu} ")
    panic.dump_stack(current)
    panic.panic(k, "Fatal exception")


def sysrq_handle_term(current: Task, _key: str) -> None:
    """End all processes but init, whether they handle SIGTERM, ignore it or block it."""
    send_sig_all(current.kernel, SIGTERM)
    current.kernel.log.console_printk[0] = _LOUDEST


def sysrq_handle_kill(current: Task, _key: str) -> None:
    """Kill all processes but init."""
    send_sig_all(current.kernel, SIGKILL)
    current.kernel.log.console_printk[0] = _LOUDEST


def send_sig_all(k: Kernel, sig: int) -> None:
    """Force sig on every process that has memory, but for init."""
    with k.tasklist_lock.read():
        for p in list(k.tasks):
            if p.mm is not None and p.pid != 1:
                signal_send.force_sig(sig, p)


def sysrq_handle_moom(current: Task, _key: str) -> None:
    """Have a worker kill the process that frees most memory."""
    _later(current, moom_callback)


async def moom_callback(current: Task, _work: WorkStruct) -> None:
    oom_kill.out_of_memory(current.kernel, GFP_KERNEL)


def sysrq_handle_thaw(current: Task, _key: str) -> None:
    """Thaw file systems, none of which can be frozen."""
    _later(current, do_thaw_all)


async def do_thaw_all(current: Task, _work: WorkStruct) -> None:
    current.kernel.printk("Emergency Thaw complete")


def sysrq_handle_sync(current: Task, _key: str) -> None:
    """Write everything back."""
    _later(current, do_sync_work)


async def do_sync_work(current: Task, _work: WorkStruct) -> None:
    assert current.nsproxy is not None
    for mnt in current.nsproxy.mnt_ns.mounts:
        mnt.mnt_sb.sync_fs()
    current.kernel.printk("Emergency Sync complete")


def sysrq_handle_mountro(current: Task, _key: str) -> None:
    """Let nobody write to block devices any more, none of which is mounted."""
    _later(current, do_emergency_remount)


async def do_emergency_remount(current: Task, _work: WorkStruct) -> None:
    current.kernel.printk("Emergency Remount complete")


def _later(current: Task, func: WorkFunc) -> None:
    workqueue.schedule_work(current.kernel, WorkStruct(func))


def sysrq_handle_showallcpus(current: Task, _key: str) -> None:
    """Have a worker ask the other CPUs where they are."""
    _later(current, sysrq_showregs_othercpus)


async def sysrq_showregs_othercpus(current: Task, _work: WorkStruct) -> None:
    k = current.kernel
    for rq in k.sched.runqueues:
        if rq.cpu != k.cpu and rq.curr is not rq.idle:
            showacpu(k, rq.cpu)


def showacpu(k: Kernel, cpu: int) -> None:
    """Log what a busy CPU does: it has been interrupted for this, and says no more (show_stack)."""
    k.printk(f"CPU{cpu}:", KERN_INFO)
    k.printk("Call Trace:")
    for name in _INTERRUPTED:
        k.printk(f" {stacktrace.print_ip_sym(name)}")


def sysrq_handle_showmem(current: Task, _key: str) -> None:
    """Log how memory is used."""
    oom_kill.show_mem(current.kernel)


def sysrq_handle_showregs(_current: Task, _key: str) -> None:
    """Log the registers that an interrupt has found; a write to /proc is none."""


def sysrq_handle_show_timers(current: Task, _key: str) -> None:
    """Log the pending timers."""
    k = current.kernel
    now = k.clock.now_ns
    k.printk(f"Timer List Version: v0.6\nHRTIMER_MAX_CLOCK_BASES: 3\nnow at {now} nsecs\n\ncpu: 0\nactive timers:")
    armed = [(ns, timer) for ns, serial, timer in sorted(k.timers.hrtimers) if timer.queued and timer.serial == serial]
    for nr, (ns, timer) in enumerate(armed):
        k.printk(f" #{nr}: {getattr(timer.function, '__name__', 'timer')}, S:01")
        k.printk(f" # expires at {ns}-{ns} nsecs [in {ns - now} to {ns - now} nsecs]")


def sysrq_handle_showstate(current: Task, _key: str) -> None:
    """Log all threads."""
    current.kernel.kthreads.appear(current.kernel)
    sched_show.show_state_filter(current.kernel, 0)


def sysrq_handle_showstate_blocked(current: Task, _key: str) -> None:
    """Log the threads in state D."""
    sched_show.show_state_filter(current.kernel, TASK_UNINTERRUPTIBLE)


def sysrq_handle_unrt(current: Task, _key: str) -> None:
    """Make ordinary threads of real-time ones, and of those with a negative nice value (normalize_rt_tasks)."""
    k = current.kernel
    with k.tasklist_lock.read():
        threads = [p for leader in k.tasks for p in leader.signal.threads if p.mm is not None]
    for p in threads:
        if p.rt_priority:
            sched_syscalls.sched_setscheduler_nocheck(p, SCHED_NORMAL, 0)
        elif sched.task_nice(p) < 0:
            sched_prio.set_user_nice(p, 0)


_LOGLEVEL: Final = SysrqKeyOp(sysrq_handle_loglevel, "loglevel(0-9)", "Changing Loglevel")
# In the order in which the help names them.
SYSRQ_KEY_TABLE: Final = {
    **dict.fromkeys("0123456789", _LOGLEVEL),
    "b": SysrqKeyOp(sysrq_handle_reboot, "reBoot", "Resetting"),
    "c": SysrqKeyOp(sysrq_handle_crash, "Crash", "Trigger a crash"),
    "e": SysrqKeyOp(sysrq_handle_term, "terminate-all-tasks(E)", "Terminate All Tasks"),
    "f": SysrqKeyOp(sysrq_handle_moom, "memory-full-oom-kill(F)", "Manual OOM execution"),
    "i": SysrqKeyOp(sysrq_handle_kill, "kill-all-tasks(I)", "Kill All Tasks"),
    "j": SysrqKeyOp(sysrq_handle_thaw, "thaw-filesystems(J)", "Emergency Thaw of all frozen filesystems"),
    "l": SysrqKeyOp(sysrq_handle_showallcpus, "show-backtrace-all-active-cpus(L)", "Show backtrace of all active CPUs"),
    "m": SysrqKeyOp(sysrq_handle_showmem, "show-memory-usage(M)", "Show Memory"),
    "n": SysrqKeyOp(sysrq_handle_unrt, "nice-all-RT-tasks(N)", "Nice All RT Tasks"),
    "o": SysrqKeyOp(sysrq_handle_poweroff, "powerOff", "Power Off"),
    "p": SysrqKeyOp(sysrq_handle_showregs, "show-registers(P)", "Show Regs"),
    "q": SysrqKeyOp(
        sysrq_handle_show_timers, "show-all-timers(Q)", "Show clockevent devices & pending hrtimers (no others)"
    ),
    "s": SysrqKeyOp(sysrq_handle_sync, "Sync", "Emergency Sync"),
    "t": SysrqKeyOp(sysrq_handle_showstate, "show-task-states(T)", "Show State"),
    "u": SysrqKeyOp(sysrq_handle_mountro, "Unmount", "Emergency Remount R/O"),
    "w": SysrqKeyOp(sysrq_handle_showstate_blocked, "show-blocked-tasks(W)", "Show Blocked State"),
}


_FOR_SEVERAL_CPUS: Final = "l"


# Who asks for it.


def handle_sysrq(current: Task, key: str) -> None:
    """Do what key stands for, saying so on the console whatever its level (__handle_sysrq)."""
    k = current.kernel
    orig_log_level = k.log.console_printk[0]
    k.log.console_printk[0] = _LOUD
    ops = {letter: a for letter, a in SYSRQ_KEY_TABLE.items() if letter != _FOR_SEVERAL_CPUS or k.nr_cpus > 1}
    op = ops.get(key)
    if op is not None:
        k.printk(f"SysRq : {op.action_msg}", KERN_INFO)
        k.log.console_printk[0] = orig_log_level
        op.handler(current, key)
        return
    helps = dict.fromkeys(a.help_msg for a in ops.values())
    k.printk("SysRq : HELP : " + "".join(f"{text} " for text in helps), KERN_INFO)
    k.log.console_printk[0] = orig_log_level


class SysrqTriggerInode(ProcInode):
    """/proc/sysrq-trigger."""

    def __init__(self, sb: ProcSuperBlock) -> None:
        super().__init__(sb, S_IFREG | 0o200)

    def open(self, current: Task, path: PathRef, flags: int, mode: int) -> File:
        """Return the open file."""
        return SysrqTriggerFile(path, flags, mode)

    def truncate(self, size: int) -> None:
        """Accept O_TRUNC."""


class SysrqTriggerFile(File):
    """An open /proc/sysrq-trigger."""

    async def read(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Raise EIO, as /proc does where there is no reading."""
        raise LinuxError(Errno.EIO, "cannot be read")

    async def write(self, current: Task, buf: UserPtr, count: int, pos: int | None) -> int:
        """Do what the first byte stands for; raises EFAULT."""
        if count:
            handle_sysrq(current, uaccess.copy_from_user(current, buf, 1).decode("latin-1"))
        return count

    def llseek(self, current: Task, offset: int, whence: int) -> int:
        """Stay where it is (noop_llseek)."""
        return self.f_pos
