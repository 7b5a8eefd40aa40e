"""Small random programs of two or three processes, to hold one way of exploring against another, and against a host.

A plan is what each process does, one thing after the other. random_model.c does what a plan says on a host, as _one()
does it here.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
import struct
from typing import Any, NamedTuple

from procession import Sig

SIGNALS = (Sig.SIGUSR1, Sig.SIGUSR2)
QUEUED = 40  # a real-time signal
# What is done without waiting for anybody.
OPERATIONS = (
    "write", "read", "kill_first", "kill_parent", "handle", "ignore", "block", "unblock", "append", "look", "truncate",
    "create", "unlink", "group", "groups", "wait_any", "poll", "close", "pending", "post", "take",
    "parent", "alive", "read_on", "flock", "lock", "queue_first", "queue_parent", "kill_all", "kill_group", "group_of",
    "stop_first", "go_on_first", "wait_stopped", "wait_first", "look_first", "dup", "close_dup", "rename", "link",
    "chld_ignore", "chld_handle", "fork_child", "leave", "take_signal", "take_queued", "block_queued", "list",
    "poll_in",
)  # fmt: skip
# What may last.
WAITING = ("pause", "suspend", "wait_read", "wait_child", "lock_wait", "wait_signal")
# What a host has for all its processes, or keeps when they are gone.
NOT_ON_HOST = {"post", "take"}

Step = tuple[str, int]


class Plan(NamedTuple):
    """What children do, and what their parent does meanwhile."""

    children: tuple[tuple[Step, ...], ...]
    ours: tuple[Step, ...]

    def words(self) -> list[str]:
        """Return it as random_model.c wants it."""
        return [",".join(f"{name}{n}" for name, n in steps) or "-" for steps in (self.ours, *self.children)]

    def on_host(self) -> bool:
        """Whether a host can do it."""
        return not any(name in NOT_ON_HOST for steps in (self.ours, *self.children) for name, _ in steps)


def random_plan(seed: int) -> Plan:
    """Return a plan; some never end."""
    rng = Random(seed)
    alone = rng.random() < 0.6
    sizes = [rng.choice((1, 2, 3))] if alone else [1, rng.choice((0, 0, 1))]
    operations = OPERATIONS + 2 * WAITING if rng.random() < 0.5 else OPERATIONS

    def steps(size: int) -> tuple[Step, ...]:
        return tuple((rng.choice(operations), rng.randrange(2)) for _ in range(size))

    return Plan(tuple(steps(size) for size in sizes), steps(rng.choice((1, 2, 3)) if alone else 0))


def random_model(seed: int) -> Callable[..., Any]:
    """Return a program; its children's statuses say what they have seen."""
    return model(random_plan(seed))


def model(plan: Plan) -> Callable[..., Any]:
    """Return a program that does what a plan says."""

    async def main(linux: Any) -> int:
        try:
            await linux.setsid()
        except OSError:
            pass
        pipe = await linux.pipe(linux.O_NONBLOCK)
        waits = await linux.pipe()
        fd = await linux.open("s", linux.O_RDWR | linux.O_CREAT, 0o600)
        await linux.write(fd, b"abcdef")
        await linux.syscall("lseek", fd, 0, 0)
        known = _Known(pipe, waits, fd, await linux.getpid())
        children = []
        for steps in plan.children:
            pid = await linux.fork()
            if not pid:
                for name, n in steps:
                    await _do(linux, name, n, known)
                await linux.exit_group(known.state)
            known.first = known.first or pid
            children.append(pid)
        for name, n in plan.ours:
            await _do(linux, name, n, known)
        statuses = []
        for pid in children:
            try:
                statuses.append(int((await linux.waitpid(pid))[1]))
            except OSError as error:
                statuses.append(-(error.errno or 0))
        await linux.print(known.state, *statuses)
        return 0

    return main


class _Known:
    """What a process knows: what it was given, and what it has seen so far as one number."""

    def __init__(self, pipe: tuple[int, int], waits: tuple[int, int], fd: int, main: int) -> None:
        self.pipe, self.waits, self.fd, self.main = pipe, waits, fd, main
        self.first = 0
        self.dup = -1
        self.state = 1

    def saw(self, value: int) -> None:
        self.state = (self.state * 7 + value) % 251


async def _do(linux: Any, name: str, n: int, known: _Known) -> None:
    """Do one thing and remember how it went, whatever that was."""

    async def handler(sig: int) -> None:
        known.saw(5)

    try:
        known.saw(await _one(linux, name, n, known, handler))
    except OSError as error:
        known.saw(error.errno or 0)


def _lock(kind: int, start: int) -> bytes:
    """A struct flock for one byte."""
    return struct.pack("<hhxxxxqqixxxx", kind, 0, start, 1, 0)


async def _one(linux: Any, name: str, n: int, known: _Known, handler: Any) -> int:
    sig = SIGNALS[n]
    letter = "ab"[n]
    first = known.first or known.main
    pipe = known.pipe
    match name:
        case "write":
            await linux.write(pipe[1], b"x")
        case "read":
            return len(await linux.read(pipe[0], 1 + n))
        case "close":
            await linux.close(pipe[n])
        case "dup":
            known.dup = await linux.dup(pipe[n])
        case "close_dup":
            await linux.close(known.dup)
        case "poll_in":
            return int((await linux.poll([(pipe[0], 1)], 0) or [(0, 0)])[0][1])
        case "wait_read":
            if n:
                await linux.write(known.waits[1], b"x")
            else:
                return len(await linux.read(known.waits[0], 1))
        case "read_on":
            return sum(await linux.read(known.fd, 1)) % 16
        case "kill_first":
            await linux.kill(first, sig)
        case "kill_parent":
            await linux.kill(known.main, sig)
        case "queue_first" | "queue_parent":
            await linux.sigqueue(first if name == "queue_first" else known.main, QUEUED, n)
        case "kill_all":
            await linux.kill(0, sig)
        case "kill_group":
            await linux.kill(-first, sig)
        case "stop_first":
            await linux.kill(first, Sig.SIGSTOP if known.first else 0)
        case "go_on_first":
            await linux.kill(first, Sig.SIGCONT)
        case "alive":
            await linux.kill(first, 0)
        case "handle":
            await linux.signal(sig, handler)
        case "ignore":
            await linux.signal(sig, linux.SIG_IGN)
        case "chld_ignore":
            await linux.signal(Sig.SIGCHLD, linux.SIG_IGN)
        case "chld_handle":
            await linux.signal(Sig.SIGCHLD, handler)
        case "block":
            await linux.sigprocmask(linux.SIG_BLOCK, {sig})
        case "unblock":
            await linux.sigprocmask(linux.SIG_UNBLOCK, {sig})
        case "block_queued":
            await linux.sigprocmask(linux.SIG_BLOCK, {QUEUED})
        case "pending":
            return len(await linux.sigpending())
        case "take_signal":
            return int((await linux.sigwaitinfo(set(SIGNALS), 0)).si_signo)
        case "take_queued":
            return int((await linux.sigwaitinfo({QUEUED}, 0)).si_value) + 1
        case "wait_signal":
            return int((await linux.sigwaitinfo(set(SIGNALS))).si_signo)
        case "pause":
            await linux.pause()
        case "suspend":
            await linux.sigsuspend({SIGNALS[1 - n]})
        case "append":
            fd = await linux.open("f" + letter, linux.O_WRONLY | linux.O_CREAT | linux.O_APPEND, 0o600)
            await linux.write(fd, b"y")
        case "look":
            return int((await linux.stat("f" + letter)).st_size)
        case "truncate":
            await linux.open("f" + letter, linux.O_WRONLY | linux.O_TRUNC)
        case "create":
            await linux.open("g" + letter, linux.O_WRONLY | linux.O_CREAT | linux.O_EXCL, 0o600)
        case "unlink":
            await linux.unlink("g" + letter)
        case "rename":
            await linux.rename("g" + letter, "g" + "ba"[n])
        case "link":
            await linux.link("f" + letter, "g" + letter)
        case "list":
            return int((await linux.stat("f" + letter)).st_nlink)
        case "group":
            await linux.setpgid(0, 0)
        case "groups":
            return int(await linux.getpgid(first) == first)
        case "group_of":
            await linux.setpgid(first, known.main)
        case "parent":
            return int(await linux.getppid() == known.main)
        case "wait_any" | "poll":
            return int((await linux.waitpid(-1, linux.WNOHANG))[1] % 251)
        case "wait_first":
            return int((await linux.waitpid(first, linux.WNOHANG))[1] % 251)
        case "wait_child":
            return int((await linux.waitpid(-1))[1] % 251)
        case "wait_stopped":
            options = linux.WNOHANG | linux.WUNTRACED | linux.WCONTINUED
            return int((await linux.waitpid(-1, options))[1] % 251)
        case "look_first":
            found = await linux.waitid(linux.P_PID, first, linux.WEXITED | linux.WNOHANG | linux.WNOWAIT)
            return int(bool(found))
        case "fork_child":
            if not await linux.fork():
                await linux.exit_group(n + 1)
        case "leave":
            await linux.exit_group(known.state)
        case "flock":
            fd = await linux.open("f" + letter, linux.O_RDWR | linux.O_CREAT, 0o600)
            await linux.flock(fd, linux.LOCK_EX | linux.LOCK_NB)
        case "lock" | "lock_wait":
            cmd = linux.F_SETLK if name == "lock" else linux.F_SETLKW
            await linux.syscall("fcntl", known.fd, cmd, _lock(linux.F_WRLCK, n))
        case "post" | "take":
            sem = await linux.semget(7, 1, 0o1600)
            await linux.semop(sem, struct.pack("<HhH", 0, 1 if name == "post" else -1, 0o4000), 1)
        case _:
            raise AssertionError(name)
    return 1
