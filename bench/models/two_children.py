"""Two forks, a pipe, two waits: who writes first, and whom wait() finds first.

wait() takes the oldest child among those that have ended, so the second one comes first only if it ended alone.
two_children.c is the same program in C.
"""

from procession import Sys

OUTCOMES = {(0, "ab 12\n"), (0, "ab 21\n"), (0, "ba 12\n"), (0, "ba 21\n")}


async def main(linux: Sys) -> None:
    reader, writer = await linux.pipe()
    for code, name in (1, b"a"), (2, b"b"):
        if await linux.fork() == 0:
            await linux.write(writer, name)
            await linux.exit(code)
    order = ""
    for _ in range(2):
        _, status = await linux.wait()
        order += str(linux.WEXITSTATUS(status))
    await linux.print((await linux.read(reader, 2)).decode(), order)
