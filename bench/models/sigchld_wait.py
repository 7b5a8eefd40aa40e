"""A handler of SIGCHLD reaps, and so does the wait() behind the fork: one of them finds nobody.

A parent that sleeps in wait() is the one that gets the child; the handler runs when wait() has returned.
"""

from procession import Sys

OUTCOMES = {(0, "wait\n"), (0, "the handler\n")}


async def main(linux: Sys) -> None:
    found: list[str] = []

    async def handler(_sig: int) -> None:
        try:
            await linux.waitpid(-1, linux.WNOHANG)
            found.append("the handler")
        except ChildProcessError:
            pass

    await linux.sigaction(linux.SIGCHLD, handler, linux.SA_RESTART)
    if await linux.fork() == 0:
        await linux.exit(0)
    try:
        await linux.wait()
        found.append("wait")
    except ChildProcessError:
        pass
    await linux.print(*found)
