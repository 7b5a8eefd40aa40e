"""Faults of ptrace, and of what a tracer sees before a parent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.ptrace import (
    PTRACE_ATTACH,
    PTRACE_O_TRACEFORK,
    PTRACE_SEIZE,
    PTRACE_SEIZE_DEVEL,
    PTRACE_SETOPTIONS,
    PTRACE_TRACEME,
)
from procession.labs.lab import USER, Lab
from procession.labs.patch import Patch

if TYPE_CHECKING:
    from procession.arch.python.sys import Sys

__all__ = ("LABS",)


# One's own process.


async def _own_tracer(linux: Sys, leader: int) -> None:
    try:
        await linux.ptrace(PTRACE_ATTACH, leader, 0, 0)
    except PermissionError:
        await linux.print("right: a thread cannot trace its own process")
    else:
        await linux.print("wrong: a thread traces the leader of its own process")
    await linux.exit_group(0)


async def _own_group(linux: Sys) -> None:
    pid = await linux.getpid()
    await linux.clone(_own_tracer, pid, flags=linux.CLONE_VM | linux.CLONE_SIGHAND | linux.CLONE_THREAD)
    await linux.pause()


# A tracee that nobody waits for.


async def _tracee(linux: Sys) -> int:
    await linux.ptrace(PTRACE_TRACEME, 0, 0, 0)
    return 7


async def _autoreap(linux: Sys) -> None:
    await linux.sigaction(linux.SIGCHLD, linux.SIG_IGN)
    pid = await linux.clone(_tracee)
    try:
        _, status = await linux.waitpid(pid)
    except ChildProcessError:
        await linux.print("wrong: the tracee is gone, and its tracer was told nothing")
    else:
        await linux.print("right: the tracer sees the end of its tracee:", linux.WEXITSTATUS(status))


# A zombie between its tracer and its parent.


async def _reader(linux: Sys, reader: int) -> int:
    await linux.read(reader, 1)
    return 3


NOON_NS: Final = 20_000_000  # when the child ends; its parent comes to wait for it while it does


async def _ends_at_noon(linux: Sys) -> int:
    await linux.clock_nanosleep(linux.CLOCK_MONOTONIC, linux.TIMER_ABSTIME, NOON_NS)
    return 3


async def _tracer(linux: Sys, pid: int) -> None:
    await linux.ptrace(PTRACE_SEIZE, pid, 0, PTRACE_SEIZE_DEVEL)
    await linux.waitpid(pid, linux.WALL)


async def _zombie_twice(linux: Sys) -> None:
    await linux.prctl(linux.PR_SET_TIMERSLACK, 1)
    pid = await linux.clone(_ends_at_noon)
    await linux.clone(_tracer, pid)
    await linux.clock_nanosleep(linux.CLOCK_MONOTONIC, linux.TIMER_ABSTIME, NOON_NS + 10_000)
    try:
        await linux.waitpid(pid)
    except ChildProcessError:
        await linux.print("wrong: a parent is told that it has no child, while its child is a zombie")
    else:
        await linux.print("right: the parent has waited for its child")
    await linux.wait()


async def _middle(linux: Sys, going: int, number: int, leaving: int) -> None:
    # Its child ends with another signal than SIGCHLD.
    await linux.write(number, str(await linux.clone(_reader, going, flags=linux.SIGUSR1)))
    await linux.read(leaving, 1)


async def _other_tracer(linux: Sys, pid: int, ready: int) -> None:
    await linux.ptrace(PTRACE_SEIZE, pid, 0, PTRACE_SEIZE_DEVEL)
    await linux.write(ready, b"!")
    await linux.waitpid(pid, linux.WALL)


async def _unreapable_init(linux: Sys) -> None:
    told, number = await linux.pipe()
    ready, is_ready = await linux.pipe()
    going, go = await linux.pipe()
    leaving, leave = await linux.pipe()
    await linux.clone(_middle, going, number, leaving)
    pid = int(await linux.read(told, 10))
    await linux.clone(_other_tracer, pid, is_ready)
    await linux.read(ready, 1)
    await linux.write(go, b"!")
    await linux.write(leave, b"!")
    for _ in range(3):  # the parent, the tracer, the orphan
        try:
            await linux.wait()
        except ChildProcessError:
            await linux.print("wrong: the orphan is a zombie for ever")
            return
    await linux.print("right: init has reaped the orphan")


async def _unreapable(linux: Sys) -> None:
    await linux.clone(_unreapable_init, flags=linux.CLONE_NEWPID | linux.SIGCHLD)
    await linux.wait()


# Registers of a tracee that is being killed.


async def _stopped(linux: Sys) -> None:
    await linux.ptrace(PTRACE_TRACEME, 0, 0, 0)
    await linux.raise_signal(linux.SIGSTOP)


async def _killer(linux: Sys, pid: int) -> None:
    await linux.kill(pid, linux.SIGKILL)


async def _registers(linux: Sys) -> None:
    pid = await linux.clone(_stopped)
    await linux.waitpid(pid)
    await linux.clone(_killer, pid)
    try:
        await linux.ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK)
    except ProcessLookupError:
        pass  # it was killed before
    await linux.wait()
    await linux.wait()
    await linux.print("right: nothing was written to a task that runs")


# Programs that may not be read.


async def _secret(linux: Sys) -> None:
    await linux.pause()


async def _dumpable(linux: Sys) -> None:
    await linux.chmod("/bin/secret", 0o711)  # to be executed, not read
    await linux.write_file("/proc/sys/fs/suid_dumpable", "2")
    pid = await linux.fork()
    if pid == 0:
        await linux.setresuid(USER, USER, USER)
        await linux.execve("/bin/secret", ["secret"])
    await linux.sleep(0.01)
    await linux.setresuid(USER, USER, USER)
    try:
        await linux.ptrace(PTRACE_ATTACH, pid, 0, 0)
    except PermissionError:
        await linux.print("right: what may not be read may not be traced")
    else:
        await linux.print("wrong: a user traces a program that it may not read")
    await linux.kill(pid, linux.SIGKILL)


_WAIT_REPORTS: Final = Patch(
    "kernel.exit_wait:do_wait",
    "    if result == FOUND:\n        return _report(current, wo)\n",
    "    if result == FOUND:\n"
    "        from procession.labs import points\n"
    "        await points.may_lose_cpu(current)  # copying the status may sleep\n"
    "        return _report(current, wo)\n",
)

LABS: Final = (
    Lab(
        "ptrace-self",
        2005,
        "A thread traces its own process",
        "CVE-2005-3783",
        "PTRACE_ATTACH refused oneself, but compared threads, not processes. A thread that was its own leader's "
        "tracer and executed a program, or was killed, waited for a stop of its own: a deadlock or a BUG.",
        _own_group,
        mutation=(Patch("kernel.ptrace:ptrace_attach", "if same_thread_group(task, current):", "if task is current:"),),
    ),
    Lab(
        "autoreap-traced",
        2005,
        "A traced child is reaped behind its tracer's back",
        "CVE-2005-3784",
        "A parent that ignores SIGCHLD has its children reaped as they end; also those that somebody traced, "
        "whose list then led to freed memory. A tracer does care, whatever its SIGCHLD says.",
        _autoreap,
        mutation=(
            Patch(
                "kernel.signal_notify:do_notify_parent", "if sig == SIGCHLD and not tsk.ptrace:", "if sig == SIGCHLD:"
            ),
        ),
    ),
    Lab(
        "wait-echild",
        2012,
        "A parent is told ECHILD while its child is between two waiters",
        "50b8d257486a",
        "A tracer that is not the parent reaps a zombie first: it is EXIT_DEAD for a moment, and a zombie again "
        "for its parent. A parent that looked just then saw a dead child, so none to wait for. 3.2 has it mended, "
        "in its last hours: the parent waits on. The tracer's wait4 may lose its CPU here before it is done.",
        _zombie_twice,
        points=(_WAIT_REPORTS,),
        mutation=(
            Patch(
                "kernel.exit_wait:wait_consider_task",
                "return UNREADY if not traced and ptrace_reparented(p) else NO_MATCH",
                "return NO_MATCH",
            ),
        ),
    ),
    Lab(
        "orphan-unreapable",
        2014,
        "An orphan that its tracer is about to let go can never be reaped",
        "abd50b39e783",
        "A parent dies while the tracer of its child has made that one EXIT_DEAD for a moment: the new parent's "
        "init gets it with its old exit signal, for dead tasks are left as they are. It becomes a zombie again, "
        "and init, which waits for SIGCHLD children, never sees it. Since 3.15 such a one is EXIT_TRACE, not "
        "dead.",
        _unreapable,
        in_32=True,
        points=(_WAIT_REPORTS,),
        mutation=(
            Patch(
                "kernel.exit:reparent_leader",
                "if p.exit_state == EXIT_DEAD or",
                "if p.exit_state == EXIT_DEAD and not p.ptrace or",
            ),
        ),
    ),
    Lab(
        "setregs-kill",
        2013,
        "A tracer writes the registers of a tracee that has been killed and runs",
        "9899d11f6544, CVE-2013-0871",
        "ptrace looks whether the tracee has stopped, and then writes to its kernel stack. SIGKILL wakes it "
        "between the two, and what is written is where it goes on: a user's code in the kernel. Since then a "
        "SIGKILL waits until the request is done. Both kernels here say so if the tracee has not stopped when the "
        "request is served.",
        _registers,
        in_32=True,
        until="3.2.39",
        points=(
            Patch(
                "kernel.ptrace_request:do_ptrace",
                "        return answer(current, child, request, addr, data)\n",
                "        from procession.labs import points\n"
                "        return await points.serve(current, child, request, addr, data, answer)\n",
            ),
        ),
        mutation=(Patch("kernel.ptrace_request:do_ptrace", "points.serve(", "points.serve_frozen("),),
    ),
    Lab(
        "dumpable-2",
        2013,
        "A program that may not be read may be traced",
        "d049f74f2dbe, CVE-2013-2929",
        "fs.suid_dumpable 2 lets root alone have the core of a program that changes users or may not be read. Its "
        "memory is marked with 2, and ptrace asked only whether the mark was 0: 2 was as good as 1, and whoever "
        "may execute a program without reading it could read it in memory.",
        _dumpable,
        in_32=True,
        until="3.2.54",
        mutation=(Patch("kernel.ptrace_access:ptrace_may_access", "if not dumpable and", "if dumpable != 1 and"),),
        programs={"/bin/secret": _secret},
    ),
)
