"""Two threads wait for one child: one gets it, the other is told that there are no children."""

from procession import Sys

OUTCOMES = {(0, "main got it\nthread: no children\n"), (0, "main: no children\nthread got it\n")}


async def wait(linux: Sys, name: str) -> str:
    try:
        await linux.wait()
    except ChildProcessError:
        return f"{name}: no children"
    return f"{name} got it"


async def thread(linux: Sys, writer: int) -> None:
    await linux.write(writer, await wait(linux, "thread"))


async def main(linux: Sys) -> None:
    reader, writer = await linux.pipe()
    if await linux.fork() == 0:
        await linux.exit(0)
    await linux.clone(
        thread, writer, flags=linux.CLONE_VM | linux.CLONE_FILES | linux.CLONE_SIGHAND | linux.CLONE_THREAD
    )
    ours = await wait(linux, "main")
    theirs = await linux.read(reader, 100)
    await linux.print(ours)
    await linux.print(theirs.decode())
