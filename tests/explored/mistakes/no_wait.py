"""Children are never waited for: each leaves a zombie, until the user's processes are used up and fork() fails."""

from procession import Sys

GOOD = {(0, "5 done\n")}
BAD = {(1, "fork failed after 3\n")}


async def serve(linux: Sys, *, waits: bool) -> int:
    """Start a child for each of five requests, as a user who may have four processes."""
    await linux.setrlimit(linux.RLIMIT_NPROC, (4, 4))
    await linux.setresuid(1000, 1000, 1000)
    for done in range(5):
        try:
            if await linux.fork() == 0:
                await linux.exit(0)
        except BlockingIOError:
            await linux.print("fork failed after", done)
            return 1
        if waits:
            await linux.wait()
    await linux.print("5 done")
    return 0


async def broken(linux: Sys) -> int:
    return await serve(linux, waits=False)


async def fixed(linux: Sys) -> int:
    return await serve(linux, waits=True)
