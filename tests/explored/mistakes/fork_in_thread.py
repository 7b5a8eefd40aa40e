"""fork() copies the calling thread alone: a lock that another thread holds is taken for ever in the child."""

from procession import Sys

GOOD = {(0, "the child is done\n")}
BAD = {("deadlock", "")}


async def thread(linux: Sys, lock: int, writer: int) -> None:
    """Do something under the lock."""
    await linux.poke(lock, b"\1\0\0\0")
    await linux.getpid()
    await linux.poke(lock, b"\0\0\0\0")
    await linux.futex(lock, linux.FUTEX_WAKE, 1)
    await linux.write(writer, b"done")


async def child(linux: Sys, lock: int) -> None:
    """Wait until the lock is free, as malloc() or printf() would."""
    while await linux.peek(lock, 4) != bytes(4):
        try:
            await linux.futex(lock, linux.FUTEX_WAIT, 1)
        except BlockingIOError:
            pass
    await linux.exit(0)


async def start(linux: Sys, lock: int, writer: int) -> None:
    """Start the thread."""
    flags = linux.CLONE_VM | linux.CLONE_FILES | linux.CLONE_SIGHAND | linux.CLONE_THREAD
    await linux.clone(thread, lock, writer, flags=flags)


async def broken(linux: Sys) -> None:
    lock = await linux.mmap()
    reader, writer = await linux.pipe()
    await start(linux, lock, writer)
    if await linux.fork() == 0:
        await child(linux, lock)
    await linux.wait()
    await linux.read(reader, 4)
    await linux.print("the child is done")


async def fixed(linux: Sys) -> None:
    lock = await linux.mmap()
    reader, writer = await linux.pipe()
    if await linux.fork() == 0:
        await child(linux, lock)
    await start(linux, lock, writer)
    await linux.wait()
    await linux.read(reader, 4)
    await linux.print("the child is done")
