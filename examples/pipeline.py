"""A shell's pipeline: `numbers 1 20 | grep 1 | count`.

For each command there is a fork, and an exec in the child after its standard input and output were put in place. The
shell closes its own ends: a reader sees the end of its input when the last writing end is gone.

Prints:
    11 lines, 21 characters
    status 0
"""

from procession import Machine, Sys


async def numbers(linux: Sys) -> None:
    """Print the numbers from argv[1] to argv[2]."""
    for number in range(int(linux.argv[1]), int(linux.argv[2]) + 1):
        await linux.print(number)


async def grep(linux: Sys) -> None:
    """Print those lines of the input that contain argv[1]."""
    for line in (await read_all(linux)).splitlines():
        if linux.argv[1] in line:
            await linux.print(line)


async def count(linux: Sys) -> None:
    """Print how long the input is."""
    text = await read_all(linux)
    await linux.print(f"{len(text.splitlines())} lines, {len(''.join(text.split()))} characters")


async def read_all(linux: Sys) -> str:
    """Read standard input up to its end."""
    parts = []
    while part := await linux.read(0, 4096):
        parts.append(part)
    return b"".join(parts).decode()


async def pipeline(linux: Sys, *commands: list[str]) -> int:
    """Run the commands with a pipe between neighbors; returns the last one's exit code."""
    stdin, pids = 0, []
    for number, argv in enumerate(commands):
        last = number == len(commands) - 1
        reader, writer = (0, 1) if last else await linux.pipe()
        pid = await linux.fork()
        if pid == 0:
            if stdin != 0:
                await linux.dup2(stdin, 0)
                await linux.close(stdin)
            if not last:
                await linux.dup2(writer, 1)
                await linux.close(writer)
                await linux.close(reader)
            await linux.execve(f"/bin/{argv[0]}", argv)
        pids.append(pid)
        if stdin != 0:
            await linux.close(stdin)
        if not last:
            await linux.close(writer)
        stdin = reader
    statuses = [await linux.waitpid(pid) for pid in pids]
    return linux.WEXITSTATUS(statuses[-1][1])


async def main(linux: Sys) -> None:
    """Run one pipeline."""
    code = await pipeline(linux, ["numbers", "1", "20"], ["grep", "1"], ["count"])
    await linux.print("status", code)


if __name__ == "__main__":
    programs = {"/bin/numbers": numbers, "/bin/grep": grep, "/bin/count": count}
    result = Machine(programs=programs).run(main)
    print(result.output, end="")
