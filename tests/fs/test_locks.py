"""flock(2) and fcntl(2)'s record locks."""

import struct

from tests.fs.programs import errno_of, run

SH, EX, NB, UN = 1, 2, 4, 8
GETLK, SETLK, SETLKW = 5, 6, 7
RD, WR, UNLCK = 0, 1, 2


def flock(kind, start=0, length=0, whence=0):
    return bytearray(struct.pack("<hh4xqqi4x", kind, whence, start, length, 0))


def fields(raw):
    return struct.unpack("<hh4xqqi4x", raw)


async def lock(sys, fd, cmd, *args):
    await sys.syscall("fcntl", fd, cmd, flock(*args))


def test_flock_belongs_to_the_open_file():
    """A second open conflicts even within one process; a duplicate does not."""
    async def main(sys):
        a, b = await sys.open("/f", sys.O_CREAT | sys.O_RDWR), await sys.open("/f", sys.O_RDWR)
        await sys.syscall("flock", a, EX)
        await sys.print(await errno_of(sys.syscall("flock", b, SH | NB)))
        await sys.syscall("flock", await sys.dup(a), EX)
        await sys.syscall("flock", a, SH)
        await sys.syscall("flock", b, SH)
        await sys.print(await errno_of(sys.syscall("flock", b, EX | NB)))
        await sys.syscall("flock", a, UN)
        await sys.print(await errno_of(sys.syscall("flock", b, EX | NB)))

    assert run(main) == "EAGAIN\nEAGAIN\nnone\n"


def test_flock_is_released_with_the_last_close():
    """A child's copy of the descriptor keeps the lock; who waits gets it when that is closed too."""
    async def main(sys):
        a = await sys.open("/f", sys.O_CREAT | sys.O_RDWR)
        await sys.syscall("flock", a, EX)
        if await sys.fork() == 0:
            await sys.sleep(2)
            return
        await sys.close(a)
        b = await sys.open("/f", sys.O_RDWR)
        start = await sys.clock_gettime()
        await sys.syscall("flock", b, EX)
        await sys.print((await sys.clock_gettime() - start) // 10**9)

    assert run(main) == "2\n"


def test_flock_errors():
    """An unknown operation, and a signal while waiting."""
    async def main(sys):
        async def handler(sig):
            pass

        a, b = await sys.open("/f", sys.O_CREAT | sys.O_RDWR), await sys.open("/f", sys.O_RDWR)
        await sys.print(await errno_of(sys.syscall("flock", a, 3)), await errno_of(sys.syscall("flock", 99, EX)))
        await sys.syscall("flock", a, EX)
        await sys.sigaction(sys.SIGALRM, handler)
        await sys.alarm(1)
        await sys.print(await errno_of(sys.syscall("flock", b, EX)))

    assert run(main) == "EINVAL EBADF\nEINTR\n"


def test_record_locks_belong_to_the_process():
    """Not inherited by fork, visible to F_GETLK, gone when any descriptor of the file is closed."""
    async def main(sys):
        fd = await sys.open("/f", sys.O_CREAT | sys.O_RDWR)
        await lock(sys, fd, SETLK, WR, 10, 20)
        me = await sys.getpid()
        if await sys.fork() == 0:
            query = flock(RD, 0, 0)
            await sys.syscall("fcntl", fd, GETLK, query)
            kind, _, start, length, pid = fields(query)
            await sys.print(kind, start, length, pid == me)
            for start in (15, 30):
                await sys.print(await errno_of(lock(sys, fd, SETLK, RD, start, 1)))
            return
        await sys.wait()
        await sys.close(await sys.open("/f", sys.O_RDONLY))
        if await sys.fork() == 0:
            await sys.print(await errno_of(lock(sys, fd, SETLK, WR, 0, 0)))
            return
        await sys.wait()

    assert run(main) == "1 10 20 True\nEAGAIN\nnone\nnone\n"


def test_ranges_are_cut_and_joined():
    """Unlocking the middle leaves two locks; locking it again makes one."""
    async def main(sys):
        fd = await sys.open("/f", sys.O_CREAT | sys.O_RDWR)

        async def show():
            if await sys.fork() == 0:
                found, at = [], 0
                while True:
                    query = flock(WR, at, 0)
                    await sys.syscall("fcntl", fd, GETLK, query)
                    kind, _, start, length, _ = fields(query)
                    if kind == UNLCK:
                        break
                    found.append((kind, start, length))
                    if not length:
                        break
                    at = start + length
                await sys.print(found)
                await sys.exit(0)
            await sys.wait()

        await lock(sys, fd, SETLK, WR, 0, 100)
        await lock(sys, fd, SETLK, UNLCK, 40, 20)
        await show()
        await lock(sys, fd, SETLK, RD, 50, 30)
        await show()
        await lock(sys, fd, SETLK, WR, 40, 40)
        await show()
        await lock(sys, fd, SETLK, WR, 0, 0)
        await show()
        await lock(sys, fd, SETLK, UNLCK, 0, 0)
        await show()

    assert run(main) == (
        "[(1, 0, 40), (1, 60, 40)]\n[(1, 0, 40), (0, 50, 30), (1, 80, 20)]\n[(1, 0, 100)]\n[(1, 0, 0)]\n[]\n"
    )


def test_setlkw_waits():
    """Until the holder ends."""
    async def main(sys):
        fd = await sys.open("/f", sys.O_CREAT | sys.O_RDWR)
        r, w = await sys.pipe()
        if await sys.fork() == 0:
            await lock(sys, fd, SETLK, WR)
            await sys.write(w, b"x")
            await sys.sleep(3)
            return
        await sys.read(r, 1)
        start = await sys.clock_gettime()
        await lock(sys, fd, SETLKW, WR)
        await sys.print((await sys.clock_gettime() - start) // 10**9)

    assert run(main) in ("2\n", "3\n")


def test_deadlock():
    """Two processes that wait for each other: the second is told EDEADLK."""
    async def main(sys):
        fd = await sys.open("/f", sys.O_CREAT | sys.O_RDWR)
        await lock(sys, fd, SETLK, WR, 0, 1)
        if await sys.fork() == 0:
            await lock(sys, fd, SETLK, WR, 1, 1)
            await sys.sleep(2)
            await sys.print(await errno_of(lock(sys, fd, SETLKW, WR, 0, 1)))
            return
        await sys.sleep(1)
        await lock(sys, fd, SETLKW, WR, 1, 1)
        await sys.print("parent has it")

    assert run(main) == "EDEADLOCK\nparent has it\n"


def test_record_lock_errors():
    """The open mode must allow the lock; ranges must be ranges."""
    async def main(sys):
        await sys.write_file("/f", b"12345")
        r = await sys.open("/f", sys.O_RDONLY)
        w = await sys.open("/f", sys.O_WRONLY)
        for fd, *args in (
            (r, SETLK, WR), (w, SETLK, RD), (r, SETLK, RD, -1, 0), (r, SETLK, RD, 5, -6), (r, SETLK, 9),
            (r, SETLK, RD, 0, 0, 5), (r, SETLK, RD, -1, 0, 2), (r, GETLK, UNLCK),
        ):
            await sys.print(await errno_of(lock(sys, fd, *args)), end=" ")

    assert run(main) == "EBADF EBADF EINVAL EINVAL EINVAL EINVAL none EINVAL "
