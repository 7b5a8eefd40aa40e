"""When the kernel must not go on (kernel/panic.c, arch/x86/kernel/dumpstack.c)."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

from procession.arch.x86 import syscall_table
from procession.include.linux.bug import KernelBug, KernelPanic
from procession.include.linux.printk import KERN_EMERG

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("dump_stack", "oops", "oops_text", "panic", "print_tainted")

# By bit: the letter if it is set, and if it is not.
_TAINTS: Final = ("PG", "F ", "S ", "R ", "M ", "B ", "U ", "D ", "A ", "W ", "C ", "I ", "O ")


def panic(k: Kernel, why: str) -> NoReturn:
    """Stop the machine: the guest did what Linux answers with a panic."""
    k.printk(f"Kernel panic - not syncing: {why}", KERN_EMERG)
    raise KernelPanic(why)


def print_tainted(k: Kernel) -> str:
    """Return what the log says of the trust that the kernel deserves: a letter for each reason against it."""
    if not k.tainted:
        return "Not tainted"
    return "Tainted: " + "".join([each[0] if k.tainted >> bit & 1 else each[1] for bit, each in enumerate(_TAINTS)])


def dump_stack(current: Task) -> None:
    """Log who runs, and the functions of the kernel that it is in, as far as they are known."""
    k = current.kernel
    uts = k.init_uts_ns
    k.printk(
        f"Pid: {current.pid}, comm: {current.comm} {print_tainted(k)} {uts.release.decode()} {uts.version.decode()}"
    )
    k.printk("Call Trace:")


def oops_text(k: Kernel, why: str) -> str:
    """Return a report of a kernel bug: who ran, in which call, holding what."""
    try:
        current = k.current
    except (AttributeError, IndexError):
        return f"BUG: {why}\nduring boot"
    lines = [f"BUG: {why}", f"CPU: {k.cpu} time: {k.clock.now_ns} ns"]
    lines.append(f"PID: {current.pid}, comm: {current.comm}, state: {current.state}, flags: {current.flags:#x}")
    # Whatever state the task is in, the report must get out.
    with suppress(Exception):
        nr = current.thread.syscall_nr()
        if nr >= 0:
            lines.append(f"system call: {nr} ({syscall_table.SYSCALL_NAMES.get(nr, 'unknown')})")
        lines.append(f"user pc: {current.thread.user_pc():#x} sp: {current.thread.user_sp():#x}")
    held = k.lockdep.held()
    if held:
        lines.append(f"locks held: {', '.join(cls.name for cls in held)}")
    lines.extend(f"[{ns}] {text}" for ns, text in k.printk_log[-10:])
    lines.append("This is a bug of Procession, not of the program. Please report it with this text and the command.")
    return "\n".join(lines)


def oops(current: Task, why: str) -> NoReturn:
    """Stop the machine: the kernel found a bug in itself while it worked for current."""
    text = oops_text(current.kernel, why)
    current.kernel.printk(text)
    raise KernelBug(text)
