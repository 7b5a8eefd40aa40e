"""Zombies and orphans, as /proc shows them.

A child that has ended stays a zombie (Z) until its parent waits for it. A child whose parent ends first gets PID 1 as
its new parent, and that one waits for whatever comes.

Prints:
    zombie: (child) Z, its parent is me: True
    reaped: 4, 42 -- and gone: True
    orphan: my parent was the middle one, now it is 1
    the orphan is gone too: True
"""

from procession import Kernel


async def stat(sys, pid):
    """Return name, state and parent of a process from /proc/PID/stat; None if there is no such process."""
    try:
        text = (await sys.read_file(f"/proc/{pid}/stat")).decode()
    except FileNotFoundError:
        return None
    _pid, comm, state, ppid, *_rest = text.split()
    return comm, state, int(ppid)


async def zombie(sys):
    """End a child, look at it, wait for it, look again."""
    pid = await sys.fork()
    if pid == 0:
        await sys.set_name("child")
        await sys.exit(42)
    await sys.sleep(1)
    comm, state, ppid = await stat(sys, pid)
    await sys.print(f"zombie: {comm} {state}, its parent is me: {ppid == await sys.getpid()}")
    pid, status = await sys.waitpid(pid)
    await sys.print(f"reaped: {pid}, {sys.WEXITSTATUS(status)} -- and gone: {await stat(sys, pid) is None}")


async def orphan(sys):
    """Fork twice and end in the middle."""
    reader, writer = await sys.pipe()
    middle = await sys.fork()
    if middle == 0:
        me = await sys.getpid()
        if await sys.fork() == 0:
            was = await sys.getppid()
            await sys.write(writer, str(await sys.getpid()))
            await sys.sleep(2)
            now = await sys.getppid()
            await sys.print(f"orphan: my parent was {'the middle one' if was == me else was}, now it is {now}")
            await sys.exit(0)
        await sys.sleep(1)
        await sys.exit(0)
    await sys.waitpid(middle)
    grandchild = int(await sys.read(reader, 16))
    await sys.sleep(2)
    await sys.print("the orphan is gone too:", await stat(sys, grandchild) is None)


async def main(sys):
    """Show both."""
    await zombie(sys)
    await orphan(sys)


if __name__ == "__main__":
    result = Kernel().run(main)
    print(result.output, end="")
