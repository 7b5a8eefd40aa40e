"""Two processes lock two bytes of a file in opposite orders: fcntl sees the circle, and one of them gets EDEADLK."""

from errno import EDEADLK

from procession import Sys

OUTCOMES = {(0, "both\n"), (0, "the first gave up\n"), (0, "the second gave up\n")}


def byte(linux: Sys, which: int) -> bytes:
    """A struct flock for one byte to be written."""
    numbers = (linux.F_WRLCK, 2), (linux.SEEK_SET, 6), (which, 8), (1, 8), (0, 8)
    return b"".join(number.to_bytes(size, "little") for number, size in numbers)


async def main(linux: Sys) -> None:
    fd = await linux.open("/locked", linux.O_RDWR | linux.O_CREAT)
    workers = []
    for order in (0, 1), (1, 0):
        pid = await linux.fork()
        if pid == 0:
            for which in order:
                try:
                    await linux.syscall("fcntl", fd, linux.F_SETLKW, byte(linux, which))
                except OSError as error:
                    await linux.exit(1 if error.errno == EDEADLK else 2)
            await linux.exit(0)
        workers.append(pid)
    codes = [linux.WEXITSTATUS((await linux.waitpid(pid))[1]) for pid in workers]
    said = {(0, 0): "both", (1, 0): "the first gave up", (0, 1): "the second gave up"}
    await linux.print(said.get((codes[0], codes[1]), codes))
