"""A shell's job makes its process group itself, and the shell signals the group at once: it may not be there yet.

That is why shells call setpgid() on both sides. A group whose only member is a zombie is still one.
"""

from procession import Sys

OUTCOMES = {(0, "no such group, exit 0\n"), (0, "sent, killed by 15\n"), (0, "sent, exit 0\n")}


async def main(linux: Sys) -> None:
    job = await linux.fork()
    if job == 0:
        await linux.setpgid()
        await linux.exit(0)
    try:
        await linux.kill(-job, linux.SIGTERM)
        sent = "sent,"
    except ProcessLookupError:
        sent = "no such group,"
    _, status = await linux.wait()
    if linux.WIFSIGNALED(status):
        await linux.print(sent, "killed by", linux.WTERMSIG(status))
    else:
        await linux.print(sent, "exit", linux.WEXITSTATUS(status))
