"""A PID namespace: the first process in it is its PID 1, and takes everybody along when it ends.

Prints:
    inside: I am 1, my parent is 0
    inside: my children are [2, 3], both sleep
    outside: the same three are [18, 19, 20]
    inside: kill -TERM 1 from within does nothing
    outside: init ended with 7
    outside: left over: []
"""

from procession import Machine, Sys


async def sleeper(linux: Sys) -> None:
    """Never end."""
    while True:
        await linux.pause()


async def init(linux: Sys) -> int:
    """Be PID 1 of the new namespace."""
    await linux.print(f"inside: I am {await linux.getpid()}, my parent is {await linux.getppid()}")
    children = [await linux.clone(sleeper), await linux.clone(sleeper)]
    await linux.print(f"inside: my children are {children}, both sleep")
    await linux.sleep(2)
    await linux.kill(1, linux.SIGTERM)
    await linux.print("inside: kill -TERM 1 from within does nothing")
    return 7


async def pids(linux: Sys) -> list[int]:
    """Return the numbers of all processes behind this one, as this namespace knows them."""
    me = await linux.getpid()
    return [int(name) for name in await linux.listdir("/proc") if name.isdecimal() and int(name) > me]


async def main(linux: Sys) -> None:
    """Make the namespace and watch it from outside."""
    pid = await linux.clone(init, flags=linux.CLONE_NEWPID | linux.SIGCHLD)
    await linux.sleep(1)
    await linux.print("outside: the same three are", await pids(linux))
    _, status = await linux.waitpid(pid)
    await linux.print("outside: init ended with", linux.WEXITSTATUS(status))
    await linux.print("outside: left over:", await pids(linux))


if __name__ == "__main__":
    result = Machine().run(main)
    print(result.output, end="")
