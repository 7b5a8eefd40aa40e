"""Zombies and orphans, as /proc shows them.

A child that has ended stays a zombie (Z) until its parent waits for it. A child whose parent ends first gets PID 1 as
its new parent, and that one waits for whatever comes.

Prints:
    zombie: (child) Z, its parent is me: True
    reaped: 18, 42 -- and gone: True
    orphan: my parent was the middle one, now it is 1
    the orphan is gone too: True
"""

from procession import Machine, Sys


async def stat(linux: Sys, pid: int) -> tuple[str, str, int] | None:
    """Return name, state and parent of a process from /proc/PID/stat; None if there is no such process."""
    try:
        text = (await linux.read_file(f"/proc/{pid}/stat")).decode()
    except FileNotFoundError:
        return None
    _pid, comm, state, ppid, *_rest = text.split()
    return comm, state, int(ppid)


async def zombie(linux: Sys) -> None:
    """End a child, look at it, wait for it, look again."""
    pid = await linux.fork()
    if pid == 0:
        await linux.set_name("child")
        await linux.exit(42)
    await linux.sleep(1)
    found = await stat(linux, pid)
    assert found is not None
    comm, state, ppid = found
    await linux.print(f"zombie: {comm} {state}, its parent is me: {ppid == await linux.getpid()}")
    pid, status = await linux.waitpid(pid)
    await linux.print(f"reaped: {pid}, {linux.WEXITSTATUS(status)} -- and gone: {await stat(linux, pid) is None}")


async def orphan(linux: Sys) -> None:
    """Fork twice and end in the middle."""
    reader, writer = await linux.pipe()
    middle = await linux.fork()
    if middle == 0:
        me = await linux.getpid()
        if await linux.fork() == 0:
            was = await linux.getppid()
            await linux.write(writer, str(await linux.getpid()))
            await linux.sleep(2)
            now = await linux.getppid()
            await linux.print(f"orphan: my parent was {'the middle one' if was == me else was}, now it is {now}")
            await linux.exit(0)
        await linux.sleep(1)
        await linux.exit(0)
    await linux.waitpid(middle)
    grandchild = int(await linux.read(reader, 16))
    await linux.sleep(2)
    await linux.print("the orphan is gone too:", await stat(linux, grandchild) is None)


async def main(linux: Sys) -> None:
    """Show both."""
    await zombie(linux)
    await orphan(linux)


if __name__ == "__main__":
    result = Machine().run(main)
    print(result.output, end="")
