"""A signal comes before its handler is there, after it, or when the process has ended.

The last is no error: a zombie can be sent signals as long as nobody has waited for it.
"""

from procession import Sys

OUTCOMES = {(0, "killed by 10\n"), (0, "the handler, exit 5\n"), (0, "too late, exit 0\n")}


async def main(linux: Sys) -> None:
    child = await linux.fork()
    if child == 0:

        async def handler(_sig: int) -> None:
            await linux.exit(5)

        await linux.sigaction(linux.SIGUSR1, handler)
        await linux.exit(0)
    await linux.kill(child, linux.SIGUSR1)
    _, status = await linux.wait()
    if linux.WIFSIGNALED(status):
        await linux.print("killed by", linux.WTERMSIG(status))
    else:
        code = linux.WEXITSTATUS(status)
        await linux.print("the handler," if code else "too late,", "exit", code)
