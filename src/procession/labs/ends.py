"""Faults at a process's end: of vfork's child, of a namespace's init, of a timer's owner."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from procession.labs.lab import Lab
from procession.labs.patch import Patch
from procession.labs.points import IN_FORK

if TYPE_CHECKING:
    from procession.arch.python.sys import Sys

__all__ = ("LABS",)


# The main thread of a namespace's init.


async def _second_thread(linux: Sys) -> None:
    await linux.sleep(0.3)
    ended = 0
    try:
        while True:
            await linux.wait()
            ended += 1
    except ChildProcessError:
        await linux.exit_group(ended)


async def _threaded_init(linux: Sys) -> None:
    await linux.sigprocmask(linux.SIG_BLOCK, {linux.SIGCHLD})  # else nobody would look at the siginfo
    if await linux.fork() == 0:
        if await linux.fork() == 0:
            await linux.sleep(0.2)
            await linux.exit(0)
        await linux.sleep(0.1)
        await linux.exit(0)  # its child is an orphan now
    await linux.clone(_second_thread, flags=linux.CLONE_VM | linux.CLONE_SIGHAND | linux.CLONE_THREAD)
    await linux.exit(0)  # the thread only


async def _reaper(linux: Sys) -> None:
    await linux.clone(_threaded_init, flags=linux.CLONE_NEWPID | linux.SIGCHLD)
    _, status = await linux.wait()
    await linux.print("right: init's second thread has reaped", linux.WEXITSTATUS(status))


# A CPU timer on somebody who is gone.


async def _short(linux: Sys) -> None:
    await linux.sleep(0.01)


async def _cpu_timer(linux: Sys) -> None:
    pid = await linux.clone(_short)
    clock = ~pid << 3 | 2  # the CPU time of that process
    timer_id = bytearray(4)
    await linux.timer_create(clock, None, timer_id)
    await linux.wait()
    try:
        await linux.timer_settime(int.from_bytes(timer_id, "little"), 0, struct.pack("<qqqq", 0, 0, 1, 0), None)
    except ProcessLookupError:
        await linux.print("right: there is no such process any more")
    else:
        await linux.print("wrong: a timer counts the time of a process that is gone")


# vfork.


async def _sleeping_child(linux: Sys) -> None:
    await linux.sleep(10)


async def _vfork_parent(linux: Sys) -> None:
    await linux.clone(_sleeping_child, flags=linux.CLONE_VM | linux.CLONE_VFORK | linux.SIGCHLD)


async def _vfork(linux: Sys) -> None:
    pid = await linux.clone(_vfork_parent)
    await linux.sleep(1)
    await linux.kill(pid, linux.SIGKILL)
    await linux.sleep(1)
    if (await linux.waitpid(pid, linux.WNOHANG))[0]:
        await linux.print("right: SIGKILL has ended the parent")
    else:
        await linux.print("wrong: SIGKILL does not end a parent in vfork")
        await linux.waitpid(pid)


async def _vfork_signals(linux: Sys) -> None:
    """What 3.2 does with a vfork parent: whoever lets go of the memory lets it go on."""
    wrong = False
    for sig in (linux.SIGKILL, linux.SIGSTOP):
        reader, writer = await linux.pipe()
        parent = await linux.clone(_vfork_teller, writer)
        child = int(await linux.read(reader, 10))
        await linux.kill(child, sig)
        await linux.sleep(1)
        ended = bool((await linux.waitpid(parent, linux.WNOHANG))[0])
        name = "killed" if sig == linux.SIGKILL else "stopped"
        await linux.print(f"the child is {name}: the parent", "goes on" if ended else "sleeps in state D")
        wrong = wrong or ended != (sig == linux.SIGKILL)
        if not ended:
            await linux.kill(parent, linux.SIGTERM)
            await linux.sleep(1)
            wrong = wrong or bool((await linux.waitpid(parent, linux.WNOHANG))[0])
            await linux.kill(child, linux.SIGKILL)
            await linux.waitpid(parent)
    if wrong:
        await linux.print("wrong: a parent in vfork is let go by another thing than its child's end")
    else:
        await linux.print("right: only the child's end lets the parent go on")


async def _vfork_told(linux: Sys, writer: int) -> None:
    await linux.write(writer, str(await linux.getpid()))
    await linux.pause()


async def _vfork_teller(linux: Sys, writer: int) -> None:
    await linux.clone(_vfork_told, writer, flags=linux.CLONE_VM | linux.CLONE_VFORK | linux.SIGCHLD)


# The end of a namespace's init.


async def _forever(linux: Sys) -> None:
    await linux.sleep(3600)


async def _short_init(linux: Sys) -> int:
    for _ in range(3):
        await linux.clone(_forever)
    try:
        await linux.kill(1, linux.SIGKILL)  # nobody in its own namespace kills init
    except ProcessLookupError:
        return 1
    await linux.sleep(0.1)
    return 5


async def _namespace(linux: Sys) -> None:
    before = len(await linux.listdir("/proc"))
    pid = await linux.clone(_short_init, flags=linux.CLONE_NEWPID | linux.SIGCHLD)
    await linux.sleep(0.05)
    inside = len(await linux.listdir("/proc")) - before
    _, status = await linux.waitpid(pid)
    seconds = await linux.clock_gettime() // 10**9
    left = len(await linux.listdir("/proc")) - before
    await linux.print(f"{inside} processes while init lives, {left} when it has been reaped, after {seconds} s")
    if linux.WEXITSTATUS(status) == 5 and (inside, left, seconds) == (4, 0, 0):
        await linux.print("right: the namespace has ended with its init")
    else:
        await linux.print("wrong: somebody has outlived the namespace's init")


# A fatal signal and fork.


async def _bomb(linux: Sys, writer: int) -> None:
    await linux.mmap(length=4 << 20)
    await linux.fork()
    await linux.write(writer, b"!")  # whoever comes out of fork
    await linux.pause()


async def _abort(linux: Sys) -> None:
    reader, writer = await linux.pipe()
    pid = await linux.clone(_bomb, writer)
    await linux.sleep(0.025)
    await linux.kill(pid, linux.SIGKILL)
    await linux.waitpid(pid)
    await linux.close(writer)
    if await linux.read(reader, 10):
        await linux.print("wrong: a child has escaped its parent's SIGKILL")
    else:
        await linux.print("right: the fork was undone, and nobody has come out of it")


LABS: Final = (
    Lab(
        "stale-reaper",
        2008,
        "The main thread of a namespace's init ends, and orphans come to a dead one",
        "950bbabb5a80",
        "The children of a thread that ends go to its fellow threads; but the namespace went on to name the dead "
        "leader as the one that adopts orphans. When such an orphan ended, its siginfo was made from the leader's "
        "namespaces, which it no longer had: an oops. Since then the next thread becomes the reaper.",
        _reaper,
        mutation=(
            Patch(
                "kernel.exit:find_new_reaper",
                "        if ns.child_reaper is father:\n            ns.child_reaper = thread\n",
                "",
            ),
            Patch(
                "kernel.signal_notify:_death_info",
                "pid=pid.task_pid_vnr(parent, tsk)",
                "pid=pid.task_pid_nr_ns(tsk, parent.nsproxy.pid_ns)",
            ),
        ),
    ),
    Lab(
        "cpu-timer-gone",
        2006,
        "A timer is armed on the CPU time of a process that has ended",
        "CVE-2006-2445",
        "A timer may count another process's time. Armed while that one ended, it was put into a list that had "
        "been emptied already, or was gone: a BUG. Since then who is gone has no clock: ESRCH.",
        _cpu_timer,
        mutation=(
            Patch(
                "kernel.posix_timers:_is_reaped",
                "return timer.cpu_timer is not None and timer.cpu_timer.task.sighand is None",
                "return False",
            ),
        ),
    ),
    Lab(
        "vfork-unkillable",
        2012,
        "A parent in vfork cannot be killed",
        "d68b46fe16ad",
        "A parent sleeps in vfork until its child has executed a program or ended, uninterruptibly: when the "
        "child sleeps, or is stopped, nothing ends the parent. Since 3.3 SIGKILL does.",
        _vfork,
        in_32=True,
        mutation=(
            Patch(
                "kernel.fork:do_fork",
                'await completion.wait_for_completion(current, vfork, "do_fork")\n',
                "from procession.include.linux.sched import TASK_WAKEKILL, TASK_UNINTERRUPTIBLE\n"
                "        from procession.kernel import wait\n"
                "        killable = TASK_WAKEKILL | TASK_UNINTERRUPTIBLE\n"
                '        with wait.Waiter(current, vfork.wait, killable, "do_fork", func=None, on=vfork) as waiter:\n'
                "            while not vfork.done:\n"
                "                try:\n"
                "                    await waiter.sleep()\n"
                "                except LinuxError:  # killed\n"
                "                    p.vfork_done = None\n"
                "                    break\n",
            ),
        ),
    ),
    Lab(
        "vfork-signals",
        2012,
        "What 3.2 does when a signal meets vfork's child",
        "of 3.2 itself",
        "It is said that a signal to the child before its exec may leave the parent blocked for ever. In 3.2 the "
        "end of the child lets the parent go on, whatever ended it (mm_release), and a child that was stopped "
        "keeps its parent in state D, where not even SIGKILL ends it, until somebody continues or kills the "
        "child. The broken kernel forgets the completion when a fatal signal ends the child.",
        _vfork_signals,
        mutation=(
            Patch(
                "kernel.fork_mm:mm_release",
                "    if vfork is not None:\n",
                "    if vfork is not None and not current.flags & PF_SIGNALED:\n",
            ),
        ),
    ),
    Lab(
        "namespace-init",
        2011,
        "What 3.2 does when a namespace's init ends",
        "of 3.2 itself",
        "Init ends by itself, for nobody inside can kill it. All others in the namespace are killed then, and "
        "init waits for them before it becomes a zombie (zap_pid_ns_processes), so that no task is left that has "
        "no init. In 3.2 only clone() makes a pid namespace, with its first process; that one without children "
        "cannot be had by unshare() is later kernels' business. The broken kernel kills only init's own children.",
        _namespace,
        mutation=(Patch("kernel.pid_namespace:zap_pid_ns_processes", "if nr > 1 else None", "if nr == 2 else None"),),
    ),
    Lab(
        "fork-abort",
        2011,
        "What 3.2 does when a process is killed that is just forking",
        "of 3.2 itself",
        "A fatal signal that comes while fork copies undoes the copy: else the child, for which the signal was "
        "never meant, would go on, and the OOM killer, who has chosen the parent for its memory, would have to "
        "kill it as well. The copy takes 50 ms here, and SIGKILL comes after 25. The broken kernel does not look.",
        _abort,
        points=IN_FORK,
        mutation=(Patch("kernel.fork:_link_task", "if current.ti_flags & TIF_SIGPENDING:", "if False:"),),
    ),
)
