"""Both sides of a fork close the writing end of a pipe, and nobody is left to write: each may close the other's."""

from procession import Sys

GOOD = {(0, "b'data'\n")}
BAD = {(0, "b''\n")}


async def talk(linux: Sys, child_closes: int) -> None:
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
    await linux.print(await linux.read(ends[0], 10))
    await linux.wait()


async def broken(linux: Sys) -> None:
    await talk(linux, 1)


async def fixed(linux: Sys) -> None:
    await talk(linux, 0)
