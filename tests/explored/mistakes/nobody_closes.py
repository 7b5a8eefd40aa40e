"""The reader of a pipe keeps a copy of its writing end: the end of the file never comes, as it could still write."""

from procession import Sys

GOOD = {(0, "b'data'\n")}
BAD = {("deadlock", "")}


async def listen(linux: Sys, *, closes: bool) -> None:
    """Read all that a child writes."""
    reader, writer = await linux.pipe()
    if await linux.fork() == 0:
        await linux.write(writer, b"data")
        await linux.exit(0)
    if closes:
        await linux.close(writer)
    said = b""
    while data := await linux.read(reader, 10):
        said += data
    await linux.wait()
    await linux.print(said)


async def broken(linux: Sys) -> None:
    await listen(linux, closes=False)


async def fixed(linux: Sys) -> None:
    await listen(linux, closes=True)
