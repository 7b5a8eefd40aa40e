"""Measures in one build: `python -m bench.worker`, which is told one thing a line, as JSON, and answers in seconds.

["elf", argv, cwd]   a whole run of a program of the host, machine and all
["fork", count]      a fork + exit + wait in a Python program that does it so often, without boot and exit
["python", count]    a Python program of two forks, a pipe and two waits, from nothing to its result, so often
"""

from __future__ import annotations

import json
import os
import sys
import time

from procession import Machine

CPU = min(os.sched_getaffinity(0))


def elf(argv, cwd):
    """Seconds one run takes here, boot included."""
    start = time.perf_counter()
    result = Machine(root="/").run(argv, cwd=cwd)
    took = time.perf_counter() - start
    if result.status:
        raise SystemExit(f"{argv}: status {result.status}: {result.stderr.decode()[-500:]}")
    return took


def fork(count):
    """Seconds per fork + exit + wait. A child acts its parent's calls over again, so it grows with count."""
    took = 0.0

    async def main(linux):
        nonlocal took
        start = time.perf_counter()
        for _ in range(count):
            pid = await linux.fork()
            if pid == 0:
                await linux.exit(0)
            await linux.waitpid(pid)
        took = time.perf_counter() - start

    Machine().run(main)
    return took / count


def python(count):
    """Seconds for a small Python program, machine and all."""

    async def main(linux):
        r, w = await linux.pipe()
        for text in (b"one", b"two"):
            if await linux.fork() == 0:
                await linux.write(w, text)
                await linux.exit(0)
        await linux.wait()
        await linux.wait()
        await linux.read(r, 10)

    start = time.perf_counter()
    for _ in range(count):
        Machine().run(main)
    return (time.perf_counter() - start) / count


def main():
    """Answer until there is nothing more to answer."""
    os.sched_setaffinity(0, {CPU})
    kinds = {"elf": elf, "fork": fork, "python": python}
    for line in sys.stdin:
        kind, *arguments = json.loads(line)
        print(json.dumps(kinds[kind](*arguments)), flush=True)


if __name__ == "__main__":
    main()
