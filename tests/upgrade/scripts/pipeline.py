"""A shell's pipeline: `numbers 1 20 | grep 1 | count`.

For each command there is a fork, and an exec in the child after its standard input and output were put in place. The
shell closes its own ends: a reader sees the end of its input when the last writing end is gone.

Prints:
    11 lines, 21 characters
    status 0
"""

from procession import Kernel


async def numbers(sys):
    """Print the numbers from argv[1] to argv[2]."""
    for number in range(int(sys.argv[1]), int(sys.argv[2]) + 1):
        await sys.print(number)


async def grep(sys):
    """Print those lines of the input that contain argv[1]."""
    for line in (await read_all(sys)).splitlines():
        if sys.argv[1] in line:
            await sys.print(line)


async def count(sys):
    """Print how long the input is."""
    text = await read_all(sys)
    await sys.print(f"{len(text.splitlines())} lines, {len(''.join(text.split()))} characters")


async def read_all(sys):
    """Read standard input up to its end."""
    parts = []
    while part := await sys.read(0, 4096):
        parts.append(part)
    return b"".join(parts).decode()


async def pipeline(sys, *commands):
    """Run the commands with a pipe between neighbors; returns the last one's exit code."""
    stdin, pids = 0, []
    for number, argv in enumerate(commands):
        last = number == len(commands) - 1
        reader, writer = (0, 1) if last else await sys.pipe()
        pid = await sys.fork()
        if pid == 0:
            if stdin != 0:
                await sys.dup2(stdin, 0)
                await sys.close(stdin)
            if not last:
                await sys.dup2(writer, 1)
                await sys.close(writer)
                await sys.close(reader)
            await sys.execve(f"/bin/{argv[0]}", argv)
        pids.append(pid)
        if stdin != 0:
            await sys.close(stdin)
        if not last:
            await sys.close(writer)
        stdin = reader
    statuses = [await sys.waitpid(pid) for pid in pids]
    return sys.WEXITSTATUS(statuses[-1][1])


async def main(sys):
    """Run one pipeline."""
    code = await pipeline(sys, ["numbers", "1", "20"], ["grep", "1"], ["count"])
    await sys.print("status", code)


if __name__ == "__main__":
    programs = {"/bin/numbers": numbers, "/bin/grep": grep, "/bin/count": count}
    result = Kernel(programs=programs).run(main)
    print(result.output, end="")
