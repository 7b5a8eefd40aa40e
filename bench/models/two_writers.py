"""Two writers, one pipe, two messages each: all six ways of merging them, each one's own order kept."""

from procession import Sys

OUTCOMES = {(0, merged + "\n") for merged in ("aAbB", "abAB", "abBA", "baAB", "baBA", "bBaA")}


async def main(linux: Sys) -> None:
    reader, writer = await linux.pipe()
    for name in "ab":
        if await linux.fork() == 0:
            await linux.write(writer, name)
            await linux.write(writer, name.upper())
            await linux.exit(0)
    await linux.close(writer)
    merged = b""
    while data := await linux.read(reader, 4):
        merged += data
    await linux.print(merged.decode())
