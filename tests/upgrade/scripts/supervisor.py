"""A supervisor that restarts its service, with a growing delay, and gives up after three quick ends in a row.

Twenty minutes of virtual time take no real time, so that the whole story can be a test.

Prints:
    0 s: service started as 4
    600 s: service 4 was killed by signal 11, restart in 1 s
    601 s: service started as 5
    1201 s: service 5 ended with 1, restart in 1 s
    1202 s: service started as 6
    1202 s: service 6 ended with 2, restart in 2 s
    1204 s: service started as 7
    1204 s: service 7 ended with 2, restart in 4 s
    1208 s: service started as 8
    1208 s: service 8 ended with 2, giving up
    supervisor: exit code 2
"""

from procession import Kernel

SECOND = 1_000_000_000
STABLE = 60         # a service that lived so long was well


async def service(sys):
    """Work until something goes wrong; how depends on the attempt."""
    attempt = int(sys.argv[1])
    if attempt == 1:
        await sys.sleep(600)
        await sys.peek(0, 1)        # a null pointer
    if attempt == 2:
        await sys.sleep(600)
        return 1
    return 2


async def say(sys, *what):
    """Print a line with the time since the supervisor was started."""
    await sys.print(f"{await sys.clock_gettime() // SECOND} s:", *what)


async def main(sys):
    """Start the service again and again."""
    attempt = quick = 0
    while True:
        attempt += 1
        started = await sys.clock_gettime()
        pid = await sys.fork()
        if pid == 0:
            await sys.execve("/bin/service", ["service", str(attempt)])
        await say(sys, "service started as", pid)
        _, status = await sys.waitpid(pid)

        if sys.WIFSIGNALED(status):
            what = f"service {pid} was killed by signal {sys.WTERMSIG(status)}"
        else:
            what = f"service {pid} ended with {sys.WEXITSTATUS(status)}"
        lived = (await sys.clock_gettime() - started) // SECOND
        quick = 0 if lived >= STABLE else quick + 1
        if quick == 3:
            await say(sys, what + ", giving up")
            return 2
        delay = 1 << quick
        await say(sys, what + f", restart in {delay} s")
        await sys.sleep(delay)


if __name__ == "__main__":
    result = Kernel(programs={"/bin/service": service}).run(main)
    print(result.output, end="")
    print("supervisor: exit code", result.exit_code)
