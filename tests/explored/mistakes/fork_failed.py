"""fork() failed, and its -1 is used as a process ID: kill(-1) is for everybody whom the caller may send signals."""

from procession import Sys

GOOD = {(0, "no child, nothing to kill\nthe bystander lives\n")}
BAD = {(0, "the bystander was killed\n")}


async def bystander(linux: Sys) -> int:
    """Start one more process, and become a user who may have no others."""
    await linux.setresuid(1000, 1000, 1000)
    pid = await linux.fork()
    if pid == 0:
        await linux.pause()
    await linux.setrlimit(linux.RLIMIT_NPROC, (2, 2))
    return pid


async def fork(linux: Sys) -> int:
    """fork() as C has it, -1 if it fails."""
    try:
        return await linux.fork()
    except BlockingIOError:
        return -1


async def tell(linux: Sys, pid: int) -> None:
    """Tell how the bystander is."""
    if (await linux.waitpid(pid, linux.WNOHANG))[0]:
        await linux.print("the bystander was killed")
        return
    await linux.print("the bystander lives")
    await linux.kill(pid, linux.SIGKILL)
    await linux.waitpid(pid)


async def broken(linux: Sys) -> None:
    other = await bystander(linux)
    child = await fork(linux)
    await linux.kill(child, linux.SIGKILL)
    await linux.sleep(1)
    await tell(linux, other)


async def fixed(linux: Sys) -> None:
    other = await bystander(linux)
    child = await fork(linux)
    if child < 0:
        await linux.print("no child, nothing to kill")
    else:
        await linux.kill(child, linux.SIGKILL)
    await tell(linux, other)
