"""A PID namespace: the first process in it is its PID 1, and takes everybody along when it ends.

Prints:
    inside: I am 1, my parent is 0
    inside: my children are [2, 3], both sleep
    outside: the same three are [4, 5, 6]
    inside: kill -TERM 1 from within does nothing
    outside: init ended with 7
    outside: left over: []
"""

from procession import Kernel


async def sleeper(sys):
    """Never end."""
    while True:
        await sys.pause()


async def init(sys):
    """Be PID 1 of the new namespace."""
    await sys.print(f"inside: I am {await sys.getpid()}, my parent is {await sys.getppid()}")
    children = [await sys.clone(sleeper), await sys.clone(sleeper)]
    await sys.print(f"inside: my children are {children}, both sleep")
    await sys.sleep(2)
    await sys.kill(1, sys.SIGTERM)
    await sys.print("inside: kill -TERM 1 from within does nothing")
    return 7


async def pids(sys):
    """Return the numbers of all processes behind this one, as this namespace knows them."""
    me = await sys.getpid()
    return [int(name) for name in await sys.listdir("/proc") if name.isdecimal() and int(name) > me]


async def main(sys):
    """Make the namespace and watch it from outside."""
    pid = await sys.clone(init, flags=sys.CLONE_NEWPID | sys.SIGCHLD)
    await sys.sleep(1)
    await sys.print("outside: the same three are", await pids(sys))
    _, status = await sys.waitpid(pid)
    await sys.print("outside: init ended with", sys.WEXITSTATUS(status))
    await sys.print("outside: left over:", await pids(sys))


if __name__ == "__main__":
    result = Kernel().run(main)
    print(result.output, end="")
