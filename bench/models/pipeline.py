"""A pipeline of three: what is written in two pieces arrives in one or in two, and then the end arrives.

The end arrives only because everybody has closed the ends that are not his.
"""

from procession import Sys

OUTCOMES = {(0, "AB in 1\n"), (0, "AB in 2\n")}


async def main(linux: Sys) -> None:
    from_source, to_filter = await linux.pipe()
    if await linux.fork() == 0:
        await linux.close(from_source)
        await linux.write(to_filter, "a")
        await linux.write(to_filter, "b")
        await linux.exit(0)
    await linux.close(to_filter)
    from_filter, to_sink = await linux.pipe()
    if await linux.fork() == 0:
        await linux.close(from_filter)
        while data := await linux.read(from_source, 10):
            await linux.write(to_sink, data.upper())
        await linux.exit(0)
    await linux.close(from_source)
    await linux.close(to_sink)
    pieces = []
    while data := await linux.read(from_filter, 10):
        pieces.append(data)
    await linux.print(b"".join(pieces).decode(), "in", len(pieces))
