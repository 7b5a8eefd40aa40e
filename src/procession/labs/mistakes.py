"""What is often got wrong with processes: by programs, and by those who write the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from procession.include.linux.ptrace import PTRACE_ATTACH
from procession.labs.lab import EVER, USER, Lab
from procession.labs.patch import Patch

if TYPE_CHECKING:
    from procession.arch.python.sys import Sys

__all__ = ("LABS",)

_THREAD: Final = 0x10D00  # CLONE_VM, CLONE_FILES, CLONE_SIGHAND and CLONE_THREAD


# What fork returns.


async def _paid(linux: Sys, receipts: int, times: int) -> None:
    paid = len(await linux.read(receipts, 10))
    await linux.print("right: paid once" if paid == times else f"wrong: paid {paid} times")


async def _fork_unchecked(linux: Sys) -> None:
    receipts, pay = await linux.pipe()
    me = await linux.getpid()
    await linux.fork()
    await linux.write(pay, b"$")
    if await linux.getpid() == me:
        await linux.wait()
        await _paid(linux, receipts, 1)


async def _fork_checked(linux: Sys) -> None:
    receipts, pay = await linux.pipe()
    if await linux.fork() == 0:
        await linux.exit(0)
    await linux.write(pay, b"$")
    await linux.wait()
    await _paid(linux, receipts, 1)


async def _bystander(linux: Sys) -> int:
    """Start one more process, and become a user who may have no others."""
    await linux.setresuid(USER, USER, USER)
    pid = await linux.fork()
    if pid == 0:
        await linux.pause()
    await linux.setrlimit(linux.RLIMIT_NPROC, (2, 2))
    return pid


async def _fork_as_in_c(linux: Sys) -> int:
    try:
        return await linux.fork()
    except BlockingIOError:
        return -1


async def _look_at(linux: Sys, pid: int) -> None:
    if (await linux.waitpid(pid, linux.WNOHANG))[0]:
        await linux.print("wrong: a bystander was killed by kill(-1)")
        return
    await linux.print("right: nobody was killed for a child that there is not")
    await linux.kill(pid, linux.SIGKILL)
    await linux.waitpid(pid)


async def _fork_failed(linux: Sys) -> None:
    other = await _bystander(linux)
    child = await _fork_as_in_c(linux)
    await linux.kill(child, linux.SIGKILL)
    await linux.sleep(1)
    await _look_at(linux, other)


async def _fork_failure_seen(linux: Sys) -> None:
    other = await _bystander(linux)
    child = await _fork_as_in_c(linux)
    if child > 0:
        await linux.kill(child, linux.SIGKILL)
    await _look_at(linux, other)


# Who waits.


async def _five_requests(linux: Sys, *, waits: bool) -> None:
    """Start a child for each of five requests, as a user who may have four processes."""
    await linux.setrlimit(linux.RLIMIT_NPROC, (4, 4))
    await linux.setresuid(USER, USER, USER)
    for done in range(5):
        try:
            if await linux.fork() == 0:
                await linux.exit(0)
        except BlockingIOError:
            await linux.print("wrong: fork fails after", done, "children, all of them zombies")
            return
        if waits:
            await linux.wait()
    await linux.print("right: five requests are served")


async def _no_wait(linux: Sys) -> None:
    await _five_requests(linux, waits=False)


async def _waits(linux: Sys) -> None:
    await _five_requests(linux, waits=True)


# Which end is closed.


async def _talk(linux: Sys, child_closes: int) -> None:
    """Have a child write to a pipe; it closes one of its ends first: 0 for the reading one, 1 for the writing one."""
    ends = await linux.pipe()
    if await linux.fork() == 0:
        await linux.close(ends[child_closes])
        try:
            await linux.write(ends[1], b"data")
        except OSError:
            await linux.exit(1)
        await linux.exit(0)
    await linux.close(ends[1])
    said = await linux.read(ends[0], 10)
    await linux.print("right: the child was heard" if said else "wrong: nobody was left to write, and nothing is said")
    await linux.wait()


async def _both_close(linux: Sys) -> None:
    await _talk(linux, 1)


async def _each_closes_its_own(linux: Sys) -> None:
    await _talk(linux, 0)


async def _listen(linux: Sys, *, closes: bool) -> None:
    """Read all that a child writes."""
    reader, writer = await linux.pipe()
    if await linux.fork() == 0:
        await linux.write(writer, b"data")
        await linux.exit(0)
    if closes:
        await linux.close(writer)
    while await linux.read(reader, 10):
        pass
    await linux.wait()
    await linux.print("right: the end of the file has come")


async def _nobody_closes(linux: Sys) -> None:
    await _listen(linux, closes=False)


async def _reader_closes(linux: Sys) -> None:
    await _listen(linux, closes=True)


# Threads.


async def _under_lock(linux: Sys, lock: int, writer: int) -> None:
    await linux.poke(lock, b"\1\0\0\0")
    await linux.getpid()
    await linux.poke(lock, b"\0\0\0\0")
    await linux.futex(lock, linux.FUTEX_WAKE, 1)
    await linux.write(writer, b"done")


async def _needs_lock(linux: Sys, lock: int) -> None:
    """Wait until the lock is free, as malloc() or printf() would."""
    while await linux.peek(lock, 4) != bytes(4):
        try:
            await linux.futex(lock, linux.FUTEX_WAIT, 1)
        except BlockingIOError:
            pass
    await linux.exit(0)


async def _fork_in_thread(linux: Sys) -> None:
    lock = await linux.mmap()
    reader, writer = await linux.pipe()
    await linux.clone(_under_lock, lock, writer, flags=_THREAD)
    if await linux.fork() == 0:
        await _needs_lock(linux, lock)
    await linux.wait()
    await linux.read(reader, 4)
    await linux.print("right: the child has taken the lock")


async def _fork_before_threads(linux: Sys) -> None:
    lock = await linux.mmap()
    reader, writer = await linux.pipe()
    if await linux.fork() == 0:
        await _needs_lock(linux, lock)
    await linux.clone(_under_lock, lock, writer, flags=_THREAD)
    await linux.wait()
    await linux.read(reader, 4)
    await linux.print("right: the child has taken the lock")


async def _takes_signal(linux: Sys, writer: int) -> None:
    await linux.sigprocmask(linux.SIG_BLOCK, {linux.SIGUSR1})
    await linux.write(writer, str(await linux.sigwait({linux.SIGUSR1})))


async def _serve(linux: Sys, *, blocks: bool) -> None:
    """Read from a child, which sends a signal as well, while a thread waits for that signal."""
    await linux.sigaction(linux.SIGUSR1, lambda _sig: None)
    if blocks:
        await linux.sigprocmask(linux.SIG_BLOCK, {linux.SIGUSR1})
    told, tells = await linux.pipe()
    reader, writer = await linux.pipe()
    parent = await linux.getpid()
    if await linux.fork() == 0:
        await linux.kill(parent, linux.SIGUSR1)
        await linux.write(writer, b"data")
        await linux.exit(0)
    await linux.clone(_takes_signal, tells, flags=_THREAD)
    try:
        await linux.read(reader, 4)
        await linux.wait()
        await linux.read(told, 2)
    except InterruptedError:
        await linux.print("wrong: the signal has interrupted the other thread")
        await linux.exit_group(0)
    await linux.print("right: the thread that waits for the signal has got it")


async def _signal_thread(linux: Sys) -> None:
    await _serve(linux, blocks=False)


async def _signal_blocked(linux: Sys) -> None:
    await _serve(linux, blocks=True)


# The kernel's own.


async def _asks_for_status(linux: Sys) -> None:
    pid = await linux.clone(_ends)
    await linux.print("right: the status has come:", (await linux.waitpid(pid))[1] >> 8)


async def _ends(_linux: Sys) -> int:
    return 3


async def _attaches(linux: Sys, pid: int) -> None:
    try:
        await linux.ptrace(PTRACE_ATTACH, pid, 0, 0)
        await linux.waitpid(pid, linux.WALL)
    except OSError:
        pass  # it is gone


async def _looks_at_a_dying_one(linux: Sys) -> None:
    pid = await linux.clone(_ends)
    await linux.clone(_attaches, pid)
    await linux.waitpid(pid)
    await linux.print("right: who is looked at is there, or is known to be gone")
    await linux.wait()


_MAY_SLEEP: Final = "lockdep.might_sleep(child.kernel)  # the page may not be there"

LABS: Final = (
    Lab(
        "fork-unchecked",
        EVER,
        "Nobody looks at what fork has returned, and both processes go on",
        "fork(2)",
        "fork returns twice: 0 in the child, the child's number in the parent. A program that does not look does in "
        "both what should be done once.",
        _fork_unchecked,
        fixed=_fork_checked,
    ),
    Lab(
        "fork-failed",
        EVER,
        "fork has failed, and its -1 is used as a process ID",
        "fork(2), kill(2)",
        "kill(-1) is for everybody whom the caller may send signals to. A user at his limit of processes has fork "
        "fail, and kills all that he has.",
        _fork_failed,
        fixed=_fork_failure_seen,
    ),
    Lab(
        "no-wait",
        EVER,
        "Children are never waited for, until there can be no more",
        "wait(2)",
        "A child that has ended stays as a zombie until its parent waits for it, and counts among its user's "
        "processes. Who has no use for its status ignores SIGCHLD.",
        _no_wait,
        fixed=_waits,
    ),
    Lab(
        "both-close",
        EVER,
        "Both sides of a fork close the same end of a pipe",
        "pipe(2)",
        "After fork each process has both ends. The writer has to close the reading end, and the reader the writing "
        "one; if both close the writing one, nobody is left to write.",
        _both_close,
        fixed=_each_closes_its_own,
    ),
    Lab(
        "nobody-closes",
        EVER,
        "A reader keeps a copy of its pipe's writing end, and waits for itself",
        "pipe(7)",
        "The end of the file comes when all copies of the writing end are closed. The reader has inherited one, or "
        "kept it: as it could still write, its own read waits for ever.",
        _nobody_closes,
        fixed=_reader_closes,
    ),
    Lab(
        "fork-in-thread",
        EVER,
        "A process forks while another of its threads holds a lock",
        "fork(2), pthread_atfork(3)",
        "The child has the calling thread alone, and a copy of all memory: a lock that another thread held is taken in "
        "it, and nobody is there to let it go. malloc and printf have such locks. Fork before there are threads, or "
        "call nothing but async-signal-safe functions up to exec.",
        _fork_in_thread,
        fixed=_fork_before_threads,
    ),
    Lab(
        "signal-thread",
        EVER,
        "A signal that is meant for one thread interrupts another",
        "signal(7), pthread_sigmask(3)",
        "A signal to a process goes to any thread that does not block it. Who wants to wait for it in one thread has "
        "to block it in all, before there are others, as they inherit the mask.",
        _signal_thread,
        fixed=_signal_blocked,
    ),
    Lab(
        "sleep-under-lock",
        EVER,
        "The kernel copies to a program's memory while it holds tasklist_lock",
        "Documentation/spinlocks.txt",
        "A copy to user memory may have to wait for a page, and who waits gives the CPU away: with a spinlock held "
        "others then spin for it, on this CPU for ever. So wait4 lets go of the lock before it stores the status.",
        _asks_for_status,
        points=(
            Patch(
                "kernel.exit_wait:_report",
                "    try:\n",
                f"    from procession.kernel import lockdep\n    try:\n        {_MAY_SLEEP}\n",
            ),
        ),
        mutation=(
            Patch(
                "kernel.exit_wait:_report",
                f"        {_MAY_SLEEP}\n",
                f"        with child.kernel.tasklist_lock.read():\n            {_MAY_SLEEP}\n",
            ),
        ),
    ),
    Lab(
        "task-without-reference",
        EVER,
        "The kernel looks up a task, keeps no reference, and the task goes away",
        "Documentation/RCU/whatisRCU.txt",
        "find_task_by_vpid finds a task that is there as long as nobody reaps it: a moment later its memory may be "
        "somebody else's. Whoever sleeps, or leaves rcu_read_lock, has to count himself first (get_task_struct). Here "
        "ptrace may lose the CPU between finding its tracee and looking at it.",
        _looks_at_a_dying_one,
        points=(
            Patch(
                "kernel.ptrace_request:do_ptrace",
                "    try:\n",
                "    from procession.labs import points\n    try:\n        await points.may_lose_cpu(current)\n"
                "        points.touch(child)\n",
            ),
        ),
        mutation=(
            Patch(
                "kernel.ptrace_request:do_ptrace", "    get_task_struct(child)\n    current.held.append(child)\n", ""
            ),
            Patch(
                "kernel.ptrace_request:do_ptrace",
                "        current.held.pop()\n        fork.put_task_struct(child)\n",
                "        pass\n",
            ),
        ),
    ),
)
