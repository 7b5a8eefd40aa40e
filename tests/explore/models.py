"""Programs that other processes find by name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from procession import Sig

KILLED = "PROCESSION_TEST_KILLED"  # names a file: the first worker that runs dies_once() makes it, and is killed


async def two_writers(linux: Any) -> int:
    r, w = await linux.pipe()
    for n in range(2):
        if not await linux.fork():
            await linux.write(w, b"ab"[n : n + 1])
            await linux.exit(n)
    first = await linux.waitpid(-1)
    await linux.print(first, await linux.waitpid(-1), await linux.read(r, 2))
    return 0


async def lost_signal(linux: Any) -> int:
    async def handler(sig: int) -> None:
        pass

    await linux.signal(Sig.SIGUSR1, handler)
    me = await linux.getpid()
    if not await linux.fork():
        await linux.kill(me, Sig.SIGUSR1)
        await linux.exit(0)
    await linux.pause()
    await linux.waitpid(-1)
    return 0


async def three(linux: Any) -> int:
    for n in range(3):
        if not await linux.fork():
            fd = await linux.open("/f", linux.O_WRONLY | linux.O_CREAT | linux.O_APPEND, 0o600)
            await linux.write(fd, b"abc"[n : n + 1])
            await linux.exit(n)
    for _ in range(3):
        await linux.waitpid(-1)
    await linux.print(await linux.read(await linux.open("/f"), 3))
    return 0


async def reaped(linux: Any) -> int:
    """Run as an ordinary program: whoever of two zombies is reaped is asked in the midst of a step."""
    for n in range(2):
        if not await linux.fork():
            await linux.exit(n)
    await linux.sched_yield()
    await linux.print((await linux.waitpid(-1))[1] >> 8, (await linux.waitpid(-1))[1] >> 8)
    return 0


async def dies_once(linux: Any) -> int:
    """As two_writers(), but the worker that is the first to run it loses its life."""
    mark = Path(os.environ[KILLED])
    if os.getpid() != int(os.environ[KILLED + "_NOT"]) and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), Sig.SIGKILL)
    return await two_writers(linux)


async def dies_in_workers(linux: Any) -> int:
    """As two_writers(), but kills every worker that runs it."""
    if os.getpid() != int(os.environ[KILLED + "_NOT"]):
        os.kill(os.getpid(), Sig.SIGKILL)
    return await two_writers(linux)


def no_ba(run: Any) -> str | None:
    """A property of one's own."""
    return "b came before a" if b"ba" in run.outcome.stdout else None


def ends_well(outcome: Any) -> bool:
    """What is expected."""
    return outcome.how == "exit"
