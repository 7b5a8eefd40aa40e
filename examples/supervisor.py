"""A supervisor that restarts its service, with a growing delay, and gives up after three quick ends in a row.

Twenty minutes of virtual time take no real time, so that the whole story can be a test.

Prints:
    0 s: service started as 18
    600 s: service 18 was killed by signal 11, restart in 1 s
    601 s: service started as 19
    1201 s: service 19 ended with 1, restart in 1 s
    1202 s: service started as 20
    1202 s: service 20 ended with 2, restart in 2 s
    1204 s: service started as 21
    1204 s: service 21 ended with 2, restart in 4 s
    1208 s: service started as 22
    1208 s: service 22 ended with 2, giving up
    supervisor: exit code 2
"""

from procession import Machine, Sys

SECOND = 1_000_000_000
STABLE = 60         # a service that lived so long was well


async def service(linux: Sys) -> int:
    """Work until something goes wrong; how depends on the attempt."""
    attempt = int(linux.argv[1])
    if attempt == 1:
        await linux.sleep(600)
        await linux.peek(0, 1)        # a null pointer
    if attempt == 2:
        await linux.sleep(600)
        return 1
    return 2


async def say(linux: Sys, *what: object) -> None:
    """Print a line with the time since the supervisor was started."""
    await linux.print(f"{await linux.clock_gettime() // SECOND} s:", *what)


async def main(linux: Sys) -> int:
    """Start the service again and again."""
    attempt = quick = 0
    while True:
        attempt += 1
        started = await linux.clock_gettime()
        pid = await linux.fork()
        if pid == 0:
            await linux.execve("/bin/service", ["service", str(attempt)])
        await say(linux, "service started as", pid)
        _, status = await linux.waitpid(pid)

        if linux.WIFSIGNALED(status):
            what = f"service {pid} was killed by signal {linux.WTERMSIG(status)}"
        else:
            what = f"service {pid} ended with {linux.WEXITSTATUS(status)}"
        lived = (await linux.clock_gettime() - started) // SECOND
        quick = 0 if lived >= STABLE else quick + 1
        if quick == 3:
            await say(linux, what + ", giving up")
            return 2
        delay = 1 << quick
        await say(linux, what + f", restart in {delay} s")
        await linux.sleep(delay)


if __name__ == "__main__":
    result = Machine(programs={"/bin/service": service}).run(main)
    print(result.output, end="")
    print("supervisor: exit code", result.exit_code)
