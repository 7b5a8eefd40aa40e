"""Faults of fork and clone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.labs.lab import Lab
from procession.labs.patch import Patch
from procession.labs.points import IN_FORK

if TYPE_CHECKING:
    from procession.arch.python.sys import Sys

__all__ = ("LABS",)


# A new thread and SIGKILL.


async def _sleeper(linux: Sys) -> None:
    await linux.sleep(3600)


async def _maker(linux: Sys) -> None:
    await linux.clone(_sleeper, flags=linux.CLONE_VM | linux.CLONE_SIGHAND | linux.CLONE_THREAD)
    await linux.pause()


async def _escape(linux: Sys) -> None:
    pid = await linux.clone(_maker)
    await linux.kill(pid, linux.SIGKILL)
    await linux.sleep(1)
    if (await linux.waitpid(pid, linux.WNOHANG))[0]:
        await linux.print("right: all threads are dead")
    else:
        await linux.print("wrong: a thread lives on in a process that was killed")


def _heard(sig: int) -> None:
    """Let the call be interrupted."""


# Fork and the signals that come meanwhile.


async def _busy_parent(linux: Sys) -> None:
    await linux.mmap(length=4 << 20)  # whose copy takes 50 ms
    await linux.sigaction(linux.SIGALRM, _heard, linux.SA_RESTART)
    await linux.setitimer(linux.ITIMER_REAL, 10_000, 10_000)
    if await linux.fork() == 0:
        await linux.exit(0)
    await linux.setitimer(linux.ITIMER_REAL, 0)
    await linux.wait()


async def _restarts(linux: Sys) -> None:
    pid = await linux.clone(_busy_parent)
    await linux.sleep(2)
    if (await linux.waitpid(pid, linux.WNOHANG))[0]:
        await linux.print("right: fork has made a child")
    else:
        await linux.print("wrong: after two seconds fork has made no child")
        await linux.kill(pid, linux.SIGKILL)


# When a process begins.


async def _start(linux: Sys, pid: int) -> int:
    stat = await linux.read_file(f"/proc/{pid}/stat")
    return int(stat.rpartition(b")")[2].split()[19])


async def _slow_parent(linux: Sys, writer: int) -> None:
    await linux.mmap(length=4 << 20)
    pid = await linux.fork()
    if pid == 0:
        await linux.pause()
    await linux.write(writer, str(pid))
    await linux.pause()


async def _forged_start(linux: Sys) -> None:
    reader, writer = await linux.pipe()
    slow = await linux.clone(_slow_parent, writer)
    await linux.sleep(0.025)
    other = await linux.clone(_sleeper)
    younger = int(await linux.read(reader, 10))
    if await _start(linux, younger) < await _start(linux, other):
        await linux.print(f"wrong: {younger} has begun before {other}, which was there earlier")
    else:
        await linux.print("right: who came later has begun later")
    for pid in (slow, other, younger):
        await linux.kill(pid, linux.SIGKILL)


# Numbers.


async def _short(linux: Sys, writer: int) -> None:
    await linux.write(writer, str(await linux.getpid()) + " ")


async def _reuser(linux: Sys, writer: int) -> None:
    for _ in range(2):
        await linux.clone(_short, writer)
        await linux.wait()


async def _reused_init(linux: Sys) -> None:
    reader, writer = await linux.pipe()
    await linux.clone(_reuser, writer)
    await linux.clone(_reuser, writer)
    await linux.wait()
    await linux.wait()
    numbers = (await linux.read(reader, 100)).split()
    if len(set(numbers)) < len(numbers):
        await linux.print("wrong: a number was given out again at once:", *map(int, numbers))
    else:
        await linux.print("right: four children, four numbers")


async def _reused(linux: Sys) -> None:
    # A namespace of its own: in the first one numbers tell whose children they are, while orders are explored.
    await linux.clone(_reused_init, flags=linux.CLONE_NEWPID | linux.SIGCHLD)
    await linux.wait()


LABS: Final = (
    Lab(
        "kill-escape",
        2006,
        "A thread that is just being made escapes its process's SIGKILL",
        "3f17da699431",
        "Fork looked for a pending SIGKILL, and put the new thread into the process's list later, under another "
        "lock. A SIGKILL between the two reached all threads but this one. It lived on in a dead process, whose "
        "parent waited for ever. Since then both are one critical section. Fork here may lose its CPU while it "
        "copies.",
        _escape,
        points=IN_FORK,
        mutation=(Patch("kernel.fork:_link_task", "if current.ti_flags & TIF_SIGPENDING:", "if False:"),),
    ),
    Lab(
        "fork-restarts",
        2018,
        "Fork begins anew for each signal, and never ends",
        "c3ad2c3b02e9, 924de3b8c941",
        "A signal that comes during fork makes it undo all and begin anew, so that a signal to a process group "
        "reaches parent and child. A process whose copy takes longer than its timer's period is never copied. "
        "Since 4.19 only fatal signals do that, and a new thread joins a stop that is under way. The copy takes "
        "50 ms here, the timer's period is 10 ms.",
        _restarts,
        in_32=True,
        points=IN_FORK,
        mutation=(
            Patch(
                "kernel.fork:_link_task",
                "if current.ti_flags & TIF_SIGPENDING:",
                "if current.pending.signal >> 8 & 1:  # SIGKILL",
            ),
        ),
    ),
    Lab(
        "start-time",
        2019,
        "A process's start is older than its number, and can be forged",
        "7b5585136713, CVE-2019-6133",
        "Number and start time together are taken for a process's identity, by polkit for one. Fork notes the "
        "start at its beginning and takes the number at its end: who makes a fork last can be given a number "
        "later, with a start as old as that of its former owner. The program sees who came later with the earlier "
        "start.",
        _forged_start,
        in_32=True,
        points=IN_FORK,
        mutation=(
            Patch(
                "kernel.fork:_link_task",
                "    assert current.sighand is not None\n",
                "    p.start_time = p.real_start_time = k.clock.now_ns\n    assert current.sighand is not None\n",
            ),
        ),
    ),
    Lab(
        "pid-reuse",
        2010,
        "The number of a process that has just ended is given out again at once",
        "5fdee8c4a5e1",
        "Who takes a number notes it as the last one given out. Two that did so at the same time could note them "
        "in the wrong order: the last number went back, and the next child was given the one that had just been "
        "freed. Since then the last number is only moved forwards. The look-up may lose its CPU here before it "
        "notes the number.",
        _reused,
        points=(
            *IN_FORK,
            Patch("kernel.fork:copy_process", "pid.alloc_pid(", "await pid.alloc_pid("),
            Patch("kernel.pid:alloc_pid", "def alloc_pid(", "async def alloc_pid("),
            Patch("kernel.pid:alloc_pid", "alloc_pidmap(k", "await alloc_pidmap(k"),
            Patch("kernel.pid:alloc_pidmap", "def alloc_pidmap(", "async def alloc_pidmap("),
            Patch(
                "kernel.pid:alloc_pidmap",
                "            ns.last_pid = found\n",
                "            from procession.labs import points\n"
                "            await points.may_lose_cpu(k.current)\n"
                "            if (ns.last_pid + 1 - nr) % k.pid_max < found + 1 - nr:  # pid_before()\n"
                "                ns.last_pid = found\n",
            ),
        ),
        mutation=(
            Patch("kernel.pid:alloc_pidmap", "if (ns.last_pid + 1 - nr) % k.pid_max < found + 1 - nr:", "if True:"),
        ),
    ),
)
