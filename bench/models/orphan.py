"""A grandchild asks twice who its parent is; somewhere about then its parent ends, and init has it."""

from procession import Sys

OUTCOMES = {(0, "parent parent\n"), (0, "parent init\n"), (0, "init init\n")}


async def main(linux: Sys) -> None:
    reader, writer = await linux.pipe()
    if await linux.fork() == 0:
        if await linux.fork() == 0:
            first = await linux.getppid()
            second = await linux.getppid()
            await linux.write(writer, " ".join("init" if who == 1 else "parent" for who in (first, second)))
            await linux.exit(0)
        await linux.exit(0)
    await linux.close(writer)
    said = await linux.read(reader, 100)
    await linux.wait()
    await linux.print(said.decode())
