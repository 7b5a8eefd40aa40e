"""Other programs: run, piped into each other, and talked to, as subprocess does it.

Every system call behind it is the program's own, and stands in the trace: the last line counts them.

Prints:
    sort: apple fig pear (returncodes [0, 0])
    check says: Command '['fail', '3']' returned non-zero exit status 3.
    slow: Command '['sleep', '60']' timed out after 5 seconds
    echo: b'hello'
    5 clone, 10 pipe2
"""

from collections import Counter
import subprocess

from procession import Machine, Sys
from procession.include.trace.events import SysEnter


async def words(linux: Sys) -> None:
    """Print the arguments, one a line."""
    await linux.print(*linux.argv[1:], sep="\n")


async def sort(linux: Sys) -> None:
    """Print the lines of the input in their order."""
    lines = (await read_all(linux)).decode().splitlines()
    await linux.print(*sorted(lines), sep="\n")


async def read_all(linux: Sys) -> bytes:
    """Read standard input up to its end."""
    parts = []
    while part := await linux.read(0, 4096):
        parts.append(part)
    return b"".join(parts)


async def echo(linux: Sys) -> None:
    """Write what is read."""
    await linux.write(1, await read_all(linux))


async def sleep(linux: Sys) -> None:
    """Sleep for so many seconds."""
    await linux.sleep(float(linux.argv[1]))


async def fail(linux: Sys) -> int:
    """Return what the argument says."""
    return int(linux.argv[1])


async def main(linux: Sys) -> None:
    """Run them."""
    done = await linux.pipeline(["words", "pear", "fig", "apple"], ["sort"], capture_output=True, text=True)
    await linux.print("sort:", *done.stdout.split(), f"(returncodes {done.returncodes})")
    try:
        await linux.run(["fail", "3"], check=True)
    except subprocess.CalledProcessError as error:
        await linux.print("check says:", error)
    try:
        await linux.run(["sleep", "60"], timeout=5)
    except subprocess.TimeoutExpired as error:
        await linux.print("slow:", error)
    child = await linux.spawn(["echo"], stdin=linux.PIPE, stdout=linux.PIPE)
    output, _ = await child.communicate(b"hello")
    await linux.print("echo:", output)


if __name__ == "__main__":
    programs = {f"/bin/{fn.__name__}": fn for fn in (words, sort, echo, sleep, fail)}
    result = Machine(programs=programs, trace=["sys_enter"]).run(main).check()
    calls = Counter(event.name for event in result.trace if isinstance(event, SysEnter))
    print(*result.lines, sep="\n")
    print(", ".join(f"{calls[name]} {name}" for name in ("clone", "pipe2")))
