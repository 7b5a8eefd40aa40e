"""Small programs, each about one kind of object: what comes out depends on who touches it first.

main is the program; its name is what the two of it meet at.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
import struct
from typing import Any

from tests.hw.elf import EXIT, elf

from procession import Sig, Sys

Part = Callable[[], Awaitable[Any]]
EPOLLIN = 1
THREAD = Sys.CLONE_VM | Sys.CLONE_SIGHAND | Sys.CLONE_THREAD


async def child(linux: Any, part: Part) -> int:
    """Fork a process whose status is what part returns, or the number of its error, from 200 on."""
    pid = await linux.fork()
    if pid:
        return int(pid)
    await linux.exit(await tried(part))
    raise AssertionError


async def tried(part: Part) -> int:
    """Return what part does, or its error."""
    try:
        result = await part()
    except OSError as error:
        return 200 + (error.errno or 0) % 50
    return result if isinstance(result, int) else 0


async def ended(linux: Any, *pids: int) -> list[int]:
    """Return the statuses of children."""
    return [linux.WEXITSTATUS(status) if not status & 127 else -(status & 127) for status in
            [(await linux.waitpid(pid))[1] for pid in pids]]  # fmt: skip


async def stays(linux: Any, part: Part) -> int:
    """Fork a process that does part, and is there as long as the machine: nobody learns anything from its end."""
    pid = await linux.fork()
    if pid:
        return int(pid)
    await tried(part)
    while True:
        await tried(linux.pause)


async def all_sleep(linux: Any) -> None:
    """Wait until all others do: no time passes before."""
    await linux.nanosleep(1_000_000)


async def meet(linux: Any, ours: Part, theirs: Part) -> None:
    """Do ours, and theirs in a child, and print how both went."""
    r, w = await linux.pipe()

    async def part() -> None:
        await linux.write(w, bytes([await tried(theirs)]))

    await stays(linux, part)
    seen = await tried(ours)
    await linux.print(seen, *await linux.read(r, 1))


async def meet_at_end(linux: Any, ours: Part, theirs: Part) -> None:
    """As meet(), where the end of theirs is part of it: nothing else tells of that."""

    async def part() -> None:
        await linux.signal(linux.SIGCHLD, linux.SIG_IGN)
        await child(linux, theirs)

    await stays(linux, part)
    await linux.print(await tried(ours))


async def duplicated(linux: Any) -> None:
    """dup2() closes what the number stood for."""
    r, w = await linux.pipe(linux.O_NONBLOCK)

    async def read() -> int:
        await linux.close(w)
        return len(await linux.read(r, 1))

    async def replace() -> int:
        await linux.syscall("dup2", r, w)
        return 1

    await meet(linux, read, replace)


async def masked(linux: Any) -> None:
    """ppoll() unblocks a signal for as long as it looks."""
    me = await linux.getpid()
    seen = []
    await linux.signal(Sig.SIGUSR1, seen.append)
    await linux.sigprocmask(linux.SIG_BLOCK, {Sig.SIGUSR1})

    async def look() -> int:
        try:
            await linux.syscall("ppoll", 0, 0, bytes(16), bytes(8), 8)
        except InterruptedError:
            pass
        return len(seen)

    await meet(linux, look, lambda: linux.kill(me, Sig.SIGUSR1))


# Files that have no inode of their own.


async def eventfd(linux: Any) -> None:
    fd = await linux.eventfd(0, linux.O_NONBLOCK)

    async def read() -> int:
        return len(await linux.read(fd, 8))

    await meet(linux, read, lambda: linux.write(fd, struct.pack("<Q", 5)))


async def signalfd(linux: Any) -> None:
    await linux.sigprocmask(linux.SIG_BLOCK, {Sig.SIGUSR1})
    fd = await linux.signalfd(-1, {Sig.SIGUSR1}, linux.O_NONBLOCK)
    me = await linux.getpid()

    async def read() -> int:
        return len(await linux.read(fd, 128))

    await meet(linux, read, lambda: linux.kill(me, Sig.SIGUSR1))


async def epoll(linux: Any) -> None:
    r, w = await linux.pipe()
    ep = await linux.epoll_create()
    await linux.epoll_ctl(ep, 1, r, EPOLLIN)

    async def look() -> int:
        return len(await linux.epoll_wait(ep, 4, 0))

    async def looks_without_it() -> int:
        await linux.close(r)  # the parent has it open: the epoll file goes on watching it
        await linux.close(w)
        return await look()

    async def write() -> int:
        await linux.write(w, b"x")
        await linux.getppid()
        return 1

    await meet(linux, write, looks_without_it)


async def inotify(linux: Any) -> None:
    fd = await linux.syscall("inotify_init1", linux.O_NONBLOCK)
    await linux.syscall("inotify_add_watch", fd, b"/\0", 0x100)

    async def read() -> int:
        return int(len(await linux.read(fd, 100)) > 0)

    await meet(linux, read, lambda: linux.write_file("/new", b""))


async def inotify_polled(linux: Any) -> None:
    fd = await linux.syscall("inotify_init1", linux.O_NONBLOCK)
    await linux.syscall("inotify_add_watch", fd, b"/\0", 0x100)

    async def look() -> int:
        return len(await linux.poll([(fd, 1)], 0))

    await meet(linux, look, lambda: linux.write_file("/new", b""))


# Processes.


async def children(linux: Any) -> None:
    """As init: a zombie of a grandchild is ours to reap as soon as its parent has ended."""
    gate_r, gate_w = await linux.pipe()
    back_r, back_w = await linux.pipe()

    async def middle() -> int:
        async def inner() -> int:
            async def zombie() -> int:
                return 7

            await child(linux, zombie)
            await linux.waitid(linux.P_ALL, 0, linux.WEXITED | linux.WNOWAIT)
            await linux.write(gate_w, b"x")
            await linux.read(back_r, 1)
            return 0

        await child(linux, inner)
        await linux.pause()
        return 0

    await child(linux, middle)
    await linux.read(gate_r, 1)
    await linux.write(back_w, b"x")
    pid, status = await linux.waitpid(-1, linux.WNOHANG)
    await linux.print(int(pid > 0), status >> 8)


async def reaped(linux: Any) -> None:
    """A zombie has its number until somebody waits for it."""

    async def nothing() -> int:
        return 3

    async def alive() -> int:
        await linux.kill(a, 0)
        return 1

    a = await child(linux, nothing)
    await linux.waitid(linux.P_PID, a, linux.WEXITED | linux.WNOWAIT)
    b = await child(linux, alive)
    await linux.print(*await ended(linux, a, b))


async def either_zombie(linux: Any) -> None:
    """Which of several zombies a wait finds is left open."""

    async def nothing() -> int:
        return 3

    pids = [await child(linux, nothing) for _ in range(2)]
    for pid in pids:
        await linux.waitid(linux.P_PID, pid, linux.WEXITED | linux.WNOWAIT)
    await linux.print(pids.index((await linux.waitpid(-1))[0]))


async def groups(linux: Any) -> None:
    """A group is there while somebody is in it."""

    async def alive() -> int:
        await linux.kill(-pid, 0)
        return 1

    async def leaves() -> int:
        await linux.setpgid(0, 0)
        return 2

    pid = await child(linux, leaves)
    seen = await tried(alive)
    await linux.print(seen, *await ended(linux, pid))


async def group_grows(linux: Any) -> None:
    """Who is born behind a signal to his group has not got it."""
    await linux.setpgid(0, 0)
    await linux.signal(Sig.SIGUSR1, [].append)
    await linux.sigprocmask(linux.SIG_BLOCK, {Sig.SIGUSR1})

    async def newborn() -> int:
        return len(await linux.sigpending())

    async def forks() -> int:
        (status,) = await ended(linux, await child(linux, newborn))
        return int(status)

    await meet(linux, lambda: linux.kill(0, Sig.SIGUSR1), forks)


async def nothing(linux: Any) -> None:
    """Be /bin/nothing."""


async def exec_group(linux: Any) -> None:
    """A child cannot be moved to another group when it has executed a program."""

    async def move() -> int:
        await linux.setpgid(pid, pid)
        return 1

    pid = await stays(linux, lambda: linux.execve("/bin/pauses", ["pauses"]))
    await linux.print(await tried(move))


async def pauses(linux: Any) -> None:
    """Be /bin/pauses."""
    await linux.pause()


async def exec_handlers(linux: Any) -> None:
    """A program that is executed has not got the handlers of the one before."""
    r, w = await linux.pipe(linux.O_CLOEXEC)

    async def handler(sig: int) -> None:
        await linux.write(w, b"h")

    async def executes() -> None:
        await linux.signal(Sig.SIGURG, handler)
        await linux.write(w, b"x")
        await linux.execve("/bin/pauses", ["pauses"])

    pid = await stays(linux, executes)
    await linux.close(w)
    await linux.read(r, 1)
    await linux.getppid()
    await linux.kill(pid, Sig.SIGURG)
    await linux.print((await linux.read(r, 1)).decode())


async def stops(linux: Any) -> None:
    """Who is stopped when his group becomes an orphan is sent SIGHUP; who stops later is not."""
    r, w = await linux.pipe()

    async def leader() -> int:
        await linux.setpgid(0, 0)
        await linux.signal(Sig.SIGHUP, linux.SIG_IGN)
        await child(linux, middle)
        return 0

    async def middle() -> int:
        pid = await child(linux, stopper)
        _, status = await linux.waitpid(pid, linux.WUNTRACED)
        await linux.write(w, b"s" if linux.WIFSTOPPED(status) else b"h")
        if linux.WIFSTOPPED(status):
            await linux.kill(pid, Sig.SIGKILL)
        return 0

    async def stopper() -> int:
        await linux.signal(Sig.SIGHUP, linux.SIG_DFL)
        await linux.kill(await linux.getpid(), Sig.SIGSTOP)
        return 3

    await child(linux, leader)
    await linux.print((await linux.read(r, 1)).decode())


async def sigactions(linux: Any) -> None:
    me = await linux.getpid()
    await linux.signal(Sig.SIGUSR1, linux.SIG_IGN)
    r, w = await linux.pipe()

    async def handler(sig: int) -> None:
        await linux.write(w, b"x")

    async def handle() -> int:
        await linux.signal(Sig.SIGUSR1, handler)
        return 1

    pid = await child(linux, lambda: linux.kill(me, Sig.SIGUSR1))
    await handle()
    statuses = await ended(linux, pid)
    await linux.close(w)
    await linux.print(len(await linux.read(r, 4)), *statuses)


async def who_sent(linux: Any) -> None:
    """Of two signals that are one by the time they are handled the first one tells who has sent it."""
    await _first_of_two(linux, linux.SA_SIGINFO | linux.SA_RESTART)


async def nobody_asks(linux: Any) -> None:
    """As before, and the handler does not ask: then nobody knows."""
    await _first_of_two(linux, linux.SA_RESTART)


async def _first_of_two(linux: Any, flags: int) -> None:
    me = await linux.getpid()
    seen = []
    r, w = await linux.pipe()

    async def handler(sig: int, info: Any = None) -> None:
        seen.append(0 if info is None else info.si_pid)

    async def later() -> None:
        await all_sleep(linux)
        await linux.write(w, b"x")

    await linux.sigaction(Sig.SIGUSR1, handler, flags)
    pids = [0, *[await stays(linux, lambda: linux.kill(me, Sig.SIGUSR1)) for _ in range(2)]]
    await stays(linux, later)
    await linux.read(r, 1)
    await linux.print(*("?ab"[pids.index(pid)] for pid in seen))


async def waited_who(linux: Any) -> None:
    """As before, where sigtimedwait() tells."""
    await linux.signal(Sig.SIGUSR1, [].append)
    await _waits_for_two(linux, Sig.SIGUSR1, early=False)


async def waited_ignored(linux: Any) -> None:
    """As before, with a signal that is ignored where nobody waits for it."""
    await _waits_for_two(linux, Sig.SIGURG, early=True)


async def _waits_for_two(linux: Any, sig: Sig, *, early: bool) -> None:
    me = await linux.getpid()
    r, w = await linux.pipe()

    async def sends() -> None:
        await linux.kill(me, sig)
        await linux.write(w, b"x")

    await linux.sigprocmask(linux.SIG_BLOCK, {sig})
    pids = [await stays(linux, sends), await stays(linux, sends)]
    got = 2 if early else 0
    while got < 2:
        got += len(await linux.read(r, 2))
    await linux.print("ab"[pids.index((await linux.sigwaitinfo({sig})).si_pid)])


async def killed_by(linux: Any) -> None:
    """The first of two signals that would end a process is the one that has ended it."""
    victim = await stays(linux, linux.getppid)
    await all_sleep(linux)
    await stays(linux, lambda: linux.kill(victim, Sig.SIGTERM))
    await stays(linux, lambda: linux.kill(victim, Sig.SIGUSR1))
    await linux.print(*await ended(linux, victim))


async def killed_before(linux: Any) -> None:
    """As before, where nobody is to be woken: the process has not begun yet when it is killed."""
    victim = await stays(linux, linux.getppid)
    await stays(linux, lambda: linux.kill(victim, Sig.SIGTERM))
    await linux.kill(victim, Sig.SIGUSR1)
    await linux.print(*await ended(linux, victim))


async def deathsig(linux: Any) -> None:
    """A signal at the parent's death comes to who has asked for it before."""
    r, w = await linux.pipe()

    async def middle() -> int:
        async def inner() -> int:
            await linux.syscall("prctl", 1, int(Sig.SIGKILL))
            await linux.write(w, b"x")
            return 0

        await child(linux, inner)
        return 0

    pid = await child(linux, middle)
    statuses = await ended(linux, pid)
    await linux.close(w)
    await linux.print(len(await linux.read(r, 1)), *statuses)


# Signals.


async def between(linux: Any) -> None:
    """One of two signals is blocked, the other one comes before a call, behind it, or later."""
    me = await linux.getpid()
    seen = []
    r, w = await linux.pipe(linux.O_NONBLOCK)
    await linux.signal(Sig.SIGUSR1, seen.append)
    await linux.signal(Sig.SIGUSR2, seen.append)
    await linux.sigprocmask(linux.SIG_BLOCK, {Sig.SIGUSR1})

    async def sends() -> int:
        await linux.write(w, b"x")
        await linux.kill(me, Sig.SIGUSR2)
        return 0

    pid = await child(linux, sends)
    try:
        got = len(await linux.read(r, 1))
    except BlockingIOError:
        got = 0
    before = len(seen)
    await ended(linux, pid)
    await linux.print(got, before)


async def blocks(linux: Any) -> None:
    """What is sent when it is blocked comes later than what is sent before."""
    me = await linux.getpid()
    seen = []
    await linux.signal(Sig.SIGUSR1, seen.append)

    async def block() -> int:
        await linux.sigprocmask(linux.SIG_BLOCK, {Sig.SIGUSR1})
        return len(seen)

    await meet(linux, block, lambda: linux.kill(me, Sig.SIGUSR1))


async def handler_blocks(linux: Any) -> None:
    """Of two that are pending the lower one is handled first; another order is that it comes while it is blocked."""
    me = await linux.getpid()
    seen: list[int] = []
    both = {Sig.SIGUSR1, Sig.SIGUSR2}

    async def handler(sig: int) -> None:
        seen.append(sig)
        await linux.getppid()

    for sig in both:
        await linux.sigaction(sig, handler, linux.SA_RESTART, both)
    await linux.sigprocmask(linux.SIG_BLOCK, both)
    r, w = await linux.pipe()

    async def sends() -> None:
        await linux.kill(me, Sig.SIGUSR1)
        await linux.write(w, b"x")

    await stays(linux, sends)
    await linux.kill(me, Sig.SIGUSR2)
    await linux.sigprocmask(linux.SIG_UNBLOCK, both)
    await linux.read(r, 1)
    await linux.print(*seen)


async def ignored_yet_blocked(linux: Any) -> None:
    """A signal that would be ignored is pending all the same if it is blocked when it comes."""
    r, w = await linux.pipe()

    async def look() -> None:
        await linux.sigprocmask(linux.SIG_BLOCK, {Sig.SIGURG})
        await linux.write(w, bytes([len(await linux.sigpending())]))

    await linux.kill(await stays(linux, look), Sig.SIGURG)
    await linux.print(*await linux.read(r, 1))


async def suspended(linux: Any) -> None:
    """sigsuspend() ends with one signal, and takes another one that is there."""
    me = await linux.getpid()
    seen: list[int] = []
    both = {Sig.SIGUSR1, Sig.SIGUSR2}
    for sig in both:
        await linux.signal(sig, seen.append)
    await linux.sigprocmask(linux.SIG_BLOCK, both)
    await linux.kill(me, Sig.SIGUSR1)

    async def suspend() -> int:
        try:
            await linux.sigsuspend()
        except InterruptedError:
            pass
        return len(seen)

    await meet(linux, suspend, lambda: linux.kill(me, Sig.SIGUSR2))


async def waited_for(linux: Any) -> None:
    """A signal that is waited for with sigtimedwait() is there or not."""
    me = await linux.getpid()
    await linux.sigprocmask(linux.SIG_BLOCK, {Sig.SIGUSR1})

    async def wait() -> int:
        await linux.sigwaitinfo({Sig.SIGUSR1}, 0)
        return 1

    await meet(linux, wait, lambda: linux.kill(me, Sig.SIGUSR1))


async def pending(linux: Any) -> None:
    """A signal that is blocked is not ignored."""
    me = await linux.getpid()
    await linux.sigprocmask(linux.SIG_BLOCK, {Sig.SIGURG})

    async def look() -> int:
        return len(await linux.sigpending())

    await meet(linux, look, lambda: linux.kill(me, Sig.SIGURG))


async def reset(linux: Any) -> None:
    """A handler that is for once, and a signal that comes twice."""
    _, w = await linux.pipe()

    async def handler(sig: int) -> None:
        await linux.write(w, b"x")

    async def sends() -> int:
        for _ in range(2):
            await linux.kill(pid, Sig.SIGUSR1)
        return 0

    async def handles() -> int:
        await linux.sigaction(Sig.SIGUSR1, handler, linux.SA_RESETHAND)
        await linux.getppid()
        return 1

    pid = await child(linux, handles)
    await linux.print(await tried(sends), *await ended(linux, pid))


async def autoreaped(linux: Any) -> None:
    """A child that ends while SIGCHLD is ignored leaves no zombie."""

    async def nothing() -> int:
        return 1

    async def ignore() -> int:
        await linux.signal(linux.SIGCHLD, linux.SIG_IGN)
        return (await linux.waitpid(pid))[1] >> 8

    pid = await child(linux, nothing)
    await linux.print(await tried(ignore))


async def no_stops(linux: Any) -> None:
    """Whether a parent hears of a child's stop: it decides that before or after."""
    seen = []
    await linux.signal(linux.SIGCHLD, seen.append)

    async def stops_itself() -> int:
        await linux.kill(await linux.getpid(), Sig.SIGSTOP)
        return 1

    pid = await child(linux, stops_itself)
    await linux.sigaction(linux.SIGCHLD, seen.append, linux.SA_NOCLDSTOP)
    await linux.waitpid(pid, linux.WUNTRACED)
    heard = len(seen)
    await linux.kill(pid, Sig.SIGKILL)
    await linux.print(heard, *await ended(linux, pid))


async def taken_back(linux: Any) -> None:
    """SIGCONT takes back a stop that is pending, be it for a handler."""
    r, w = await linux.pipe(linux.O_NONBLOCK)

    async def handler(sig: int) -> None:
        await linux.write(w, b"x")

    pid = await stays(linux, lambda: linux.signal(Sig.SIGTSTP, handler))
    await all_sleep(linux)
    await linux.kill(pid, Sig.SIGTSTP)
    await linux.kill(pid, Sig.SIGCONT)
    await all_sleep(linux)
    await linux.print(await tried(lambda: _size(linux, r)))


async def _size(linux: Any, fd: int) -> int:
    return len(await linux.read(fd, 9))


async def continued(linux: Any) -> None:
    """Whether a parent finds that its child goes on: somebody else has let it, or has not yet."""

    async def stops_itself() -> None:
        await linux.kill(await linux.getpid(), Sig.SIGSTOP)

    pid = await stays(linux, stops_itself)
    await linux.waitpid(pid, linux.WUNTRACED)

    async def look() -> int:
        return int((await linux.waitpid(pid, linux.WCONTINUED | linux.WNOHANG))[0] > 0)

    await meet(linux, look, lambda: linux.kill(pid, Sig.SIGCONT))


async def stopped_yet(linux: Any) -> None:
    """A process that was told to stop has not stopped yet."""
    pid = await stays(linux, linux.getppid)
    await all_sleep(linux)
    await linux.kill(pid, Sig.SIGSTOP)
    seen = (await linux.waitpid(pid, linux.WUNTRACED | linux.WNOHANG))[0]
    await linux.print(int(seen > 0))


async def orphan_stops(linux: Any) -> None:
    """Who is told to stop does so, and goes on when nobody could let him go on; an orphan does not stop."""
    r, w = await linux.pipe(linux.O_NONBLOCK)
    gate_r, gate_w = await linux.pipe()

    async def leader() -> int:
        await linux.setpgid(0, 0)
        pid = await stays(linux, stopper)
        await linux.write(w, bytes([pid]))
        return len(await linux.read(gate_r, 1))

    async def goes_on(sig: int) -> None:
        await linux.write(w, b"c")

    async def stopper() -> None:
        await linux.signal(Sig.SIGCONT, goes_on)
        await linux.signal(Sig.SIGHUP, linux.SIG_IGN)

    await child(linux, leader)
    await all_sleep(linux)
    (stops,) = await linux.read(r, 1)
    await linux.write(gate_w, b"x")
    await linux.kill(stops, Sig.SIGTSTP)
    await all_sleep(linux)
    await linux.print(await tried(lambda: _size(linux, r)))


# Process groups.


async def waits_for_group(linux: Any) -> None:
    """wait4(-group) finds nobody before a child is in that group."""

    async def joins() -> int:
        await linux.setpgid(0, 0)
        await linux.pause()
        return 1

    async def wait() -> int:
        return (await linux.waitpid(-pid, linux.WNOHANG))[0]

    pid = await child(linux, joins)
    seen = await tried(wait)
    await linux.kill(pid, Sig.SIGKILL)
    await linux.print(seen, *await ended(linux, pid))


async def joins(linux: Any) -> None:
    """One cannot join a group in which there is nobody."""

    async def join() -> int:
        await linux.setpgid(0, a)
        return 1

    async def opens() -> int:
        await linux.setpgid(0, 0)
        await linux.pause()
        return 1

    a = await child(linux, opens)
    b = await child(linux, join)
    statuses = await ended(linux, b)
    await linux.kill(a, Sig.SIGKILL)
    await linux.print(*statuses, *await ended(linux, a))


async def inherited_group(linux: Any) -> None:
    """A child is born into the group that its parent is in."""
    r, w = await linux.pipe()

    async def inner() -> None:
        await linux.write(w, bytes([await linux.getpgrp() != ours]))

    ours = await linux.getpgrp()
    pid = await stays(linux, lambda: stays(linux, inner))
    await linux.setpgid(pid, pid)
    await linux.print(*await linux.read(r, 1))


async def waits_for_own_group(linux: Any) -> None:
    """wait4(0) finds children in one's own group, as long as one is in it."""
    r, w = await linux.pipe()

    async def nothing() -> None:
        pass

    async def look() -> int:
        return (await linux.waitpid(0, linux.WNOHANG))[0]

    async def middle() -> None:
        await stays(linux, nothing)
        await linux.write(w, b"x")
        await linux.read(gate_r, 1)
        await linux.write(w, bytes([await tried(look)]))

    gate_r, gate_w = await linux.pipe()
    pid = await stays(linux, middle)
    await linux.read(r, 1)
    await linux.write(gate_w, b"x")
    await linux.setpgid(pid, pid)
    await linux.print(*await linux.read(r, 1))


async def to_all(linux: Any) -> None:
    """Who is born behind a signal to everybody has not got it."""
    await linux.sigprocmask(linux.SIG_BLOCK, {Sig.SIGUSR1})
    r, w = await linux.pipe()

    async def newborn() -> None:
        await linux.read(gate_r, 1)
        await linux.write(w, bytes([len(await linux.sigpending())]))

    gate_r, gate_w = await linux.pipe()
    await stays(linux, lambda: stays(linux, newborn))
    await linux.kill(-1, Sig.SIGUSR1)
    await linux.write(gate_w, b"x")
    await linux.print(*await linux.read(r, 1))


async def reaped_group(linux: Any) -> None:
    """A group is there as long as a zombie is in it."""

    async def leads() -> int:
        await linux.setpgid(0, 0)
        return 0

    async def alive() -> int:
        await linux.kill(-pid, 0)
        return 1

    pid = await child(linux, leads)
    await linux.waitid(linux.P_PID, pid, linux.WEXITED | linux.WNOWAIT)

    async def reap() -> int:
        return (await linux.waitpid(pid))[1]

    await meet(linux, reap, alive)


async def moved_or_gone(linux: Any) -> None:
    """Who leaves no zombie cannot be moved any more, nor asked for its group."""

    async def nothing() -> int:
        return 0

    async def ask() -> int:
        return int(await linux.getpgid(pid) > 0)

    await linux.signal(linux.SIGCHLD, linux.SIG_IGN)
    pid = await child(linux, nothing)
    asked = await tried(ask)
    pid = await child(linux, nothing)
    await linux.print(asked, await tried(lambda: linux.setpgid(pid, pid)))


async def own_group(linux: Any) -> None:
    async def look() -> int:
        return int(await linux.getpgrp() != ours)

    ours = await linux.getpgrp()
    pid = await child(linux, look)
    await linux.setpgid(pid, pid)
    await linux.print(*await ended(linux, pid))


async def group_of_other(linux: Any) -> None:
    async def look() -> int:
        return int(await linux.getpgid(pid) != ours)

    async def leaves() -> int:
        await linux.setpgid(0, 0)
        await linux.pause()
        return 1

    ours = await linux.getpgrp()
    pid = await child(linux, leaves)
    seen = await tried(look)
    await linux.kill(pid, Sig.SIGKILL)
    await linux.print(seen, *await ended(linux, pid))


async def to_own_group(linux: Any) -> None:
    """A signal to one's own group does not come to who has left it."""
    await linux.setpgid(0, 0)
    await linux.signal(Sig.SIGUSR1, linux.SIG_IGN)

    async def leaves() -> int:
        await linux.signal(Sig.SIGUSR1, linux.SIG_DFL)
        await linux.setpgid(0, 0)
        return 1

    pid = await child(linux, leaves)
    await linux.kill(0, Sig.SIGUSR1)
    await linux.print(*await ended(linux, pid))


async def sessions(linux: Any) -> None:
    """Who leads a group cannot begin a session."""

    async def begin() -> int:
        await linux.setsid()
        return 1

    pid = await child(linux, begin)
    seen = await tried(lambda: linux.setpgid(pid, pid))
    await linux.print(seen, *await ended(linux, pid))


# Names and files.


async def made_once(linux: Any) -> None:
    """Two make the same file, and only one can."""

    async def make() -> int:
        await linux.open("/f", linux.O_CREAT | linux.O_EXCL | linux.O_WRONLY)
        return 1

    await meet(linux, make, make)


async def through_link(linux: Any) -> None:
    """A file is known by more than one name."""
    await linux.write_file("/f", b"")
    await linux.symlink("/f", "/l")

    async def size() -> int:
        return int((await linux.stat("/l")).st_size)

    async def write() -> int:
        return int(await linux.write(await linux.open("/f", linux.O_WRONLY), b"abc"))

    await meet(linux, size, write)


async def hard_link(linux: Any) -> None:
    await linux.write_file("/f", b"")
    await linux.link("/f", "/l")

    async def links() -> int:
        return int((await linux.stat("/l")).st_nlink)

    await meet(linux, links, lambda: linux.syscall("unlink", b"/f\0"))


async def link_moves(linux: Any) -> None:
    """What a symbolic link leads to goes away under another name."""
    await linux.write_file("/f", b"")
    await linux.symlink("/f", "/l")

    async def look() -> int:
        await linux.open("/l")
        return 1

    await meet(linux, look, lambda: linux.syscall("unlink", b"/f\0"))


async def listing(linux: Any) -> None:
    async def count() -> int:
        return len(await linux.listdir("/d"))

    await linux.syscall("mkdir", b"/d\0", 0o700)
    await meet(linux, count, lambda: linux.write_file("/d/f", b""))


async def directory_links(linux: Any) -> None:
    async def links() -> int:
        return int((await linux.stat("/d")).st_nlink)

    await linux.syscall("mkdir", b"/d\0", 0o700)
    await meet(linux, links, lambda: linux.syscall("mkdir", b"/d/e\0", 0o700))


async def working_directory(linux: Any) -> None:
    async def where() -> int:
        return len(await linux.getcwd())

    await linux.syscall("mkdir", b"/d\0", 0o700)
    await linux.syscall("chdir", b"/d\0")
    await meet(linux, where, lambda: linux.rename("/d", "/longer"))


async def position(linux: Any) -> None:
    """Two read on with one descriptor."""
    await linux.write_file("/f", b"ab")
    fd = await linux.open("/f")

    async def read() -> int:
        return (await linux.read(fd, 1))[0]

    await meet(linux, read, read)


async def position_left(linux: Any) -> None:
    """As before, but who reads first does so for the last time: the other one's descriptor is then its own."""
    await linux.write_file("/f", b"ab")
    fd = await linux.open("/f")

    async def read() -> int:
        return (await linux.read(fd, 1))[0]

    pid = await child(linux, read)
    seen = await tried(read)
    await linux.close(fd)
    await linux.print(seen, *await ended(linux, pid))


async def flags(linux: Any) -> None:
    """O_NONBLOCK belongs to the open file, which two share."""
    r, w = await linux.pipe()

    async def flag() -> int:
        await linux.fcntl(r, linux.F_SETFL, linux.O_NONBLOCK)
        await linux.write(w, b"x")
        return 1

    async def read() -> int:
        return len(await linux.read(r, 1))

    await meet(linux, read, flag)


async def fifo(linux: Any) -> None:
    """A FIFO cannot be opened for writing, without waiting, before somebody reads."""
    await linux.mkfifo("/p")

    async def write() -> int:
        await linux.open("/p", linux.O_WRONLY | linux.O_NONBLOCK)
        return 1

    async def read() -> int:
        await linux.open("/p", linux.O_RDONLY | linux.O_NONBLOCK)
        return 2

    await meet(linux, write, read)


async def text_busy(linux: Any) -> None:
    """What is open for writing cannot be executed."""
    fd = await linux.open("/other", linux.O_WRONLY | linux.O_CREAT, 0o777)
    await linux.close(fd)

    async def write() -> int:
        await linux.open("/other", linux.O_WRONLY)
        return 1

    async def execute() -> int:
        await linux.execve("/other", ["other"])
        return 2

    await meet(linux, execute, write)


async def text_ends(linux: Any) -> None:
    """As before: it can be when who executes it has ended, between two looks or not."""

    await linux.write_file("/other", elf(EXIT))
    await linux.syscall("chmod", b"/other\0", 0o755)

    async def execute() -> None:
        await linux.execve("/other", ["other"])

    async def look() -> int:
        seen = [await tried(lambda: linux.open("/other", linux.O_WRONLY)) for _ in range(2)]
        return seen[0] * 1000 + seen[1]

    await meet_at_end(linux, look, execute)


async def text_free(linux: Any) -> None:
    """As before: it can be when the last descriptor is closed."""
    fd = await linux.open("/other", linux.O_WRONLY | linux.O_CREAT, 0o777)

    async def execute() -> int:
        await linux.close(fd)
        await linux.execve("/other", ["other"])
        return 2

    async def close() -> int:
        await linux.close(fd)
        await linux.pause()
        return 1

    pid = await child(linux, close)
    seen = await tried(execute)
    await linux.kill(pid, Sig.SIGKILL)
    await linux.print(seen, *await ended(linux, pid))


async def lease(linux: Any) -> None:
    """A lease that is given up in time does not keep others from opening the file."""
    await linux.write_file("/f", b"")
    r, w = await linux.pipe()

    async def opens() -> int:
        await linux.read(r, 1)
        await linux.open("/f", linux.O_WRONLY | linux.O_NONBLOCK)
        return 2

    async def gives_up() -> int:
        await linux.signal(linux.SIGIO, linux.SIG_IGN)
        fd = await linux.open("/f")
        await linux.fcntl(fd, 1024, 0)
        await linux.write(w, b"x")
        await linux.close(fd)
        return 0

    await meet(linux, gives_up, opens)


async def mandatory(linux: Any) -> None:
    """Where locks are mandatory one keeps others from writing."""
    await linux.syscall("mkdir", b"/m\0", 0o700)
    await linux.mount("none", "/m", "tmpfs", linux.MS_MANDLOCK)
    await linux.write_file("/m/f", b"abc")
    await linux.syscall("chmod", b"/m/f\0", 0o2660)
    fd = await linux.open("/m/f", linux.O_RDWR | linux.O_NONBLOCK)

    async def lock() -> int:
        await linux.syscall("fcntl", fd, linux.F_SETLK, struct.pack("<hhxxxxqqixxxx", linux.F_WRLCK, 0, 0, 1, 0))
        return 1

    await meet(linux, lambda: linux.pwrite(fd, b"x", 0), lock)


async def truncated(linux: Any) -> None:
    await linux.write_file("/f", b"abc")

    async def size() -> int:
        return int((await linux.stat("/f")).st_size)

    await meet(linux, size, lambda: linux.syscall("truncate", b"/f\0", 1))


async def opened_empty(linux: Any) -> None:
    await linux.write_file("/f", b"abc")

    async def size() -> int:
        return int((await linux.stat("/f")).st_size)

    async def empty() -> int:
        await linux.open("/f", linux.O_RDONLY | linux.O_TRUNC)
        return 1

    await meet(linux, size, empty)


async def directory_moves(linux: Any) -> None:
    """A directory in the midst of a path gets another name."""
    await linux.syscall("mkdir", b"/d\0", 0o700)
    await linux.write_file("/d/f", b"")

    async def look() -> int:
        await linux.open("/d/f")
        return 1

    await meet(linux, look, lambda: linux.rename("/d", "/e"))


async def hostname(linux: Any) -> None:
    async def name() -> int:
        return len((await linux.uname()).nodename)

    await linux.sethostname("four")
    pid = await child(linux, lambda: linux.sethostname("longer"))
    seen = await name()
    await linux.print(seen, *await ended(linux, pid))


async def limits(linux: Any) -> None:
    async def limit() -> int:
        return int((await linux.getrlimit(7))[0])

    me = await linux.getpid()
    await linux.setrlimit(7, (100, 150))
    await meet(linux, limit, lambda: _lower_limit(linux, me))


async def _lower_limit(linux: Any, pid: int) -> int:
    await linux.syscall("prlimit64", pid, 7, struct.pack("<QQ", 50, 150), 0)
    return 1


async def urandom(linux: Any) -> None:
    fd = await linux.open("/dev/urandom")
    await meet(linux, lambda: _first(linux, fd), lambda: _first(linux, fd))


async def _first(linux: Any, fd: int) -> int:
    return (await linux.read(fd, 1))[0] % 200


async def proc(linux: Any) -> None:
    """What /proc tells of another process."""

    async def look() -> int:
        return len(await linux.read_file(f"/proc/{pid}/comm"))

    pid = await child(linux, lambda: linux.set_name("longer name"))
    seen = await tried(look)
    await linux.print(seen, *await ended(linux, pid))


async def last_end(linux: Any) -> None:
    """Which of two that close a pipe's end is the last one does not matter, but that it comes when it wants to does."""
    r, w = await linux.pipe(linux.O_NONBLOCK)

    async def closes() -> int:
        await linux.close(w)
        return 0

    async def closes_and_tells() -> int:
        await linux.close(w)
        await linux.write_file("/told", b"")
        return 0

    a = await child(linux, closes)
    b = await child(linux, closes_and_tells)
    await linux.close(w)

    async def told() -> int:
        await linux.stat("/told")
        return 1

    async def read() -> int:
        return len(await linux.read(r, 1))

    await linux.print(await tried(told), await tried(read), *await ended(linux, a, b))


# Terminals and sockets.


async def terminal(linux: Any) -> None:
    master, slave = await linux.openpty()
    await linux.fcntl(master, linux.F_SETFL, linux.O_NONBLOCK)

    async def read() -> int:
        return len(await linux.read(master, 10))

    await meet(linux, read, lambda: linux.write(slave, b"x"))


async def sockets(linux: Any) -> None:
    a, b = await linux.socketpair(linux.AF_UNIX, linux.SOCK_STREAM | linux.O_NONBLOCK)

    async def read() -> int:
        return len(await linux.read(a, 10))

    await meet(linux, read, lambda: linux.write(b, b"x"))


async def socket_name(linux: Any) -> None:
    """A socket that is bound has a name in a directory."""

    async def look() -> int:
        await linux.stat("/s")
        return 1

    async def bind() -> int:
        fd = await linux.socket(linux.AF_UNIX, linux.SOCK_STREAM)
        await linux.bind(fd, "/s")
        return 2

    await meet(linux, look, bind)


async def socket_name_goes(linux: Any) -> None:
    fd = await linux.socket(linux.AF_UNIX, linux.SOCK_STREAM)
    await linux.bind(fd, "/s")
    await linux.syscall("listen", fd, 3)

    async def connect() -> int:
        await linux.connect(await linux.socket(linux.AF_UNIX, linux.SOCK_STREAM), "/s")
        return 1

    await meet(linux, connect, lambda: linux.syscall("unlink", b"/s\0"))


# System V IPC and memory.


async def ids(linux: Any) -> None:
    async def make() -> int:
        await linux.syscall("msgget", 77, 0o1000 | 0o2000 | 0o600)
        return 1

    await meet(linux, make, make)


async def undo(linux: Any) -> None:
    """What a process has taken of a semaphore is given back when it ends: who looks twice may see that between."""
    await _taken(linux, lambda sem: linux.syscall("semop", sem, struct.pack("<HhH", 0, 0, 0o4000), 1))


async def undo_told(linux: Any) -> None:
    """As before, where one asks how much there is."""
    await _taken(linux, lambda sem: linux.syscall("semctl", sem, 0, 12, 0))


async def _taken(linux: Any, look: Callable[[int], Awaitable[int]]) -> None:
    sem = await linux.syscall("semget", 0, 1, 0o1600)

    async def add_and_end() -> None:
        await linux.syscall("semop", sem, struct.pack("<HhH", 0, 1, 0o10000), 1)

    async def look_twice() -> int:
        first = await tried(lambda: look(sem))
        return first * 1000 + await tried(lambda: look(sem))

    await meet_at_end(linux, look_twice, add_and_end)


async def attached(linux: Any) -> None:
    """How many have a segment attached, and whether anybody ever had."""
    shm = await linux.syscall("shmget", 78, 4096, 0o1600)

    async def attach_and_end() -> int:
        await linux.syscall("shmat", shm, 0, 0)
        return 1

    async def look() -> int:
        tells = bytearray(112)
        await linux.syscall("shmctl", shm, 2, tells)
        lpid, attaches = struct.unpack_from("<iQ", tells, 84)
        return (lpid > 0) * 10 + int(attaches)

    await meet_at_end(linux, look, attach_and_end)


async def shared(linux: Any) -> None:
    """Memory that two have in common, and each looks at once it has made a call."""
    place = await linux.mmap(0, 4096, 3, linux.MAP_SHARED | linux.MAP_ANONYMOUS)

    async def look() -> int:
        await linux.getppid()
        return (await linux.peek(place, 1))[0]

    async def put() -> int:
        await linux.getppid()
        await linux.poke(place, b"\x05")
        return 1

    await meet(linux, look, put)


async def mapped(linux: Any) -> None:
    """A file that one has mapped, and the other writes to."""
    await linux.write_file("/f", b"a" * 10)
    fd = await linux.open("/f", linux.O_RDWR)
    place = await linux.mmap(0, 4096, 1, linux.MAP_SHARED, fd, 0)

    async def look() -> int:
        await linux.getppid()
        return (await linux.peek(place, 1))[0]

    await meet(linux, look, lambda: linux.pwrite(fd, b"b", 0))


async def mapped_alone(linux: Any) -> None:
    """As before: until a page of it is written to, a private mapping shows what the file is."""
    await linux.write_file("/f", b"a" * 10)
    fd = await linux.open("/f", linux.O_RDWR)
    place = await linux.mmap(0, 4096, 3, linux.MAP_PRIVATE, fd, 0)

    async def look() -> int:
        await linux.getppid()
        return (await linux.peek(place, 1))[0]

    await meet(linux, look, lambda: linux.pwrite(fd, b"b", 0))


async def memory(linux: Any) -> None:
    """Two threads add to one number, each with a call between reading and writing it."""
    numbers = [0]

    async def add(linux: Any) -> None:
        before = numbers[0]
        await linux.gettid()
        numbers[0] = before + 1

    async def second(linux: Any) -> None:
        await add(linux)
        await linux.print(numbers[0])
        await linux.exit_group(0)

    await linux.clone(second, flags=THREAD)
    await add(linux)
    await linux.pause()


async def descriptors(linux: Any) -> None:
    """Two processes share their descriptors, and nothing else."""
    r, _ = await linux.pipe()
    other, _ = await linux.pipe()

    async def opens() -> int:
        return int(await linux.dup(r))

    pid = await linux.clone(None, flags=Sys.CLONE_FILES | Sig.SIGCHLD)
    if not pid:
        await linux.close(other)
        await linux.exit_group(0)
    seen = await tried(opens)
    await linux.print(seen, *await ended(linux, pid))


# Time.


async def two_alarms(linux: Any) -> None:
    """Who has set his alarm first is the first to hear it."""
    r, w = await linux.pipe()

    async def sleeper(text: bytes) -> int:
        await linux.sigprocmask(linux.SIG_BLOCK, {Sig.SIGALRM})
        await linux.setitimer(0, 1_000_000)
        await linux.sigwait({Sig.SIGALRM})
        await linux.write(w, text)
        return 0

    a = await child(linux, lambda: sleeper(b"a"))
    b = await child(linux, lambda: sleeper(b"b"))
    await ended(linux, a, b)
    await linux.print((await linux.read(r, 2)).decode())
