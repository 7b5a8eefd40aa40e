"""A signal meant for one thread goes to another that lets it in, and interrupts that one: block it in all others."""

from procession import Sys

GOOD = {(0, "main: b'data', the thread: 10\n")}
BAD = {(1, "main: interrupted\n"), ("deadlock", "")}


async def waits(linux: Sys, writer: int) -> None:
    """Take the signal."""
    await linux.sigprocmask(linux.SIG_BLOCK, {linux.SIGUSR1})
    await linux.write(writer, str(await linux.sigwait({linux.SIGUSR1})))


async def serve(linux: Sys, *, blocks: bool) -> int:
    """Read from a child, which sends a signal as well, while a thread waits for that signal."""
    await linux.sigaction(linux.SIGUSR1, lambda _sig: None)
    if blocks:
        await linux.sigprocmask(linux.SIG_BLOCK, {linux.SIGUSR1})
    told, tells = await linux.pipe()
    reader, writer = await linux.pipe()
    parent = await linux.getpid()
    if await linux.fork() == 0:
        await linux.kill(parent, linux.SIGUSR1)
        await linux.write(writer, b"data")
        await linux.exit(0)
    flags = linux.CLONE_VM | linux.CLONE_FILES | linux.CLONE_SIGHAND | linux.CLONE_THREAD
    await linux.clone(waits, tells, flags=flags)
    try:
        data = await linux.read(reader, 4)
    except InterruptedError:
        await linux.print("main: interrupted")
        return 1
    await linux.wait()
    await linux.print(f"main: {data!r}, the thread:", (await linux.read(told, 2)).decode())
    return 0


async def broken(linux: Sys) -> int:
    return await serve(linux, blocks=False)


async def fixed(linux: Sys) -> int:
    return await serve(linux, blocks=True)
