"""Small random programs of two or three processes, to hold one way of exploring against another."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
import struct
from typing import Any

from procession import Sig

SIGNALS = (Sig.SIGUSR1, Sig.SIGUSR2)
OPERATIONS = (
    "write", "read", "kill_first", "kill_parent", "handle", "ignore", "block", "unblock", "append", "look", "truncate",
    "create", "unlink", "group", "groups", "wait_any", "poll", "close", "pending", "post", "take",
    "parent", "alive", "read_wait", "flock",
)  # fmt: skip


def random_model(seed: int, operations: tuple[str, ...] = OPERATIONS) -> Callable[..., Any]:
    """Return a program that ends by itself; its children's statuses say what they have seen."""
    rng = Random(seed)
    alone = rng.random() < 0.6
    sizes = [rng.choice((1, 2, 3))] if alone else [1, rng.choice((0, 0, 1))]
    plans = [[(rng.choice(operations), rng.randrange(2)) for _ in range(size)] for size in sizes]
    ours = [(rng.choice(operations), rng.randrange(2)) for _ in range(rng.choice((1, 2, 3)) if alone else 0)]

    async def main(linux: Any) -> int:
        pipe = await linux.pipe(linux.O_NONBLOCK)
        first = 0
        children = []
        for plan in plans:
            pid = await linux.fork()
            if not pid:
                state = [1]
                for name, n in plan:
                    await _do(linux, name, n, pipe, first, state)
                await linux.exit(state[0] % 251)
            first = first or pid
            children.append(pid)
        state = [1]
        for name, n in ours:
            await _do(linux, name, n, pipe, first, state)
        statuses = []
        for pid in children:
            try:
                statuses.append(await linux.waitpid(pid))
            except OSError as error:
                statuses.append((pid, -(error.errno or 0)))
        await linux.print(state[0] % 251, statuses)
        return 0

    return main


async def _do(linux: Any, name: str, n: int, pipe: tuple[int, int], first: int, state: list[int]) -> None:
    """Do one thing and remember how it went, whatever that was."""

    def saw(value: int) -> None:
        state[0] = state[0] * 7 + value

    async def handler(sig: int) -> None:
        saw(5)

    try:
        saw(await _one(linux, name, n, pipe, first, handler))
    except OSError as error:
        saw(error.errno or 0)


async def _one(linux: Any, name: str, n: int, pipe: tuple[int, int], first: int, handler: Any) -> int:
    sig = SIGNALS[n]
    path = "ab"[n]
    match name:
        case "write":
            await linux.write(pipe[1], b"x")
        case "read" | "read_wait":
            return len(await linux.read(pipe[0], 1 + n))
        case "close":
            await linux.close(pipe[n])
        case "kill_first":
            await linux.kill(first or await linux.getppid(), sig)
        case "kill_parent":
            await linux.kill(await linux.getppid(), sig)
        case "handle":
            await linux.signal(sig, handler)
        case "ignore":
            await linux.signal(sig, linux.SIG_IGN)
        case "block":
            await linux.sigprocmask(linux.SIG_BLOCK, {sig})
        case "unblock":
            await linux.sigprocmask(linux.SIG_UNBLOCK, {sig})
        case "pending":
            return len(await linux.sigpending())
        case "append":
            fd = await linux.open("/f" + path, linux.O_WRONLY | linux.O_CREAT | linux.O_APPEND, 0o600)
            await linux.write(fd, b"y")
        case "look":
            return int((await linux.stat("/f" + path)).st_size)
        case "truncate":
            await linux.open("/f" + path, linux.O_WRONLY | linux.O_TRUNC)
        case "create":
            await linux.open("/g" + path, linux.O_WRONLY | linux.O_CREAT | linux.O_EXCL, 0o600)
        case "unlink":
            await linux.unlink("/g" + path)
        case "group":
            await linux.setpgid(0, 0)
        case "groups":
            return int(await linux.getpgid(first) == first)
        case "parent":
            return int(await linux.getppid() == 1)
        case "alive":
            await linux.kill(first, 0)
        case "wait_any" | "poll":
            return int((await linux.waitpid(-1, linux.WNOHANG))[1] & 255)
        case "flock":
            fd = await linux.open("/f" + path, linux.O_RDWR | linux.O_CREAT, 0o600)
            await linux.flock(fd, linux.LOCK_EX | linux.LOCK_NB)
        case "post" | "take":
            sem = await linux.semget(7, 1, 0o1600)
            await linux.semop(sem, struct.pack("<HhH", 0, 1 if name == "post" else -1, 0o4000), 1)
    return 1
