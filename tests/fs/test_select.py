"""poll, ppoll, select, pselect6."""

import struct
from time import process_time

from tests.fs.programs import errno_of, run


def timespec(ns):
    return bytearray(struct.pack("<qq", *divmod(ns, 10**9)))


def fds(*numbers):
    return bytearray(sum(1 << n for n in numbers).to_bytes(8, "little"))


def members(data):
    mask = int.from_bytes(data, "little")
    return [n for n in range(64) if mask >> n & 1]


def test_poll_sleeps_until_something_happens():
    """The time that passes is the writer's, not the timeout's."""
    async def main(sys):
        r, w = await sys.pipe()
        if await sys.fork() == 0:
            await sys.sleep(2)
            await sys.write(w, b"x")
            return
        start = await sys.clock_gettime()
        await sys.print(await sys.poll([(r, 1)], 10000), (await sys.clock_gettime() - start) // 10**9)

    assert run(main) == "[(3, 1)] 2\n"


def test_poll_times_out():
    """And returns 0 then, a thousandth of the time later; a negative descriptor is skipped, a closed one POLLNVAL."""
    async def main(sys):
        r, _ = await sys.pipe()
        start = await sys.clock_gettime()
        await sys.print(await sys.poll([(r, 1), (-1, 1)], 1500), (await sys.clock_gettime() - start) // 10**5)
        await sys.print(await sys.poll([(55, 1)], 1500))

    assert run(main) == "[] 15015\n[(55, 32)]\n"


def test_poll_goes_on_after_a_stop():
    """Stopped and continued it is restarted with the time that was left."""
    async def main(sys):
        r, _ = await sys.pipe()
        pid = await sys.fork()
        if pid == 0:
            start = await sys.clock_gettime()
            await sys.poll([(r, 1)], 5000)
            await sys.print((await sys.clock_gettime() - start) // 10**9)
            return
        await sys.sleep(1)
        await sys.kill(pid, sys.SIGSTOP)
        await sys.sleep(1)
        await sys.kill(pid, sys.SIGCONT)
        await sys.wait()

    assert run(main) == "5\n"


def test_poll_and_a_handler():
    """A handler makes it EINTR, whatever SA_RESTART says."""
    async def main(sys):
        async def handler(sig):
            await sys.print("caught")

        await sys.sigaction(sys.SIGALRM, handler, sys.SA_RESTART)
        await sys.alarm(1)
        await sys.print(await errno_of(sys.poll([], -1)))

    assert run(main) == "caught\nEINTR\n"


def test_poll_limits():
    """More entries than descriptors are EINVAL, a bad address EFAULT."""
    async def main(sys):
        await sys.print(await errno_of(sys.syscall("poll", bytearray(8), 1025, 0)))
        await sys.print(await errno_of(sys.syscall("poll", 0x1000, 1, 0)))

    assert run(main) == "EINVAL\nEFAULT\n"


def test_ppoll_exchanges_the_mask():
    """A signal blocked outside gets through inside, and the old mask is back afterwards."""
    async def main(sys):
        async def handler(sig):
            await sys.print("caught")

        await sys.sigaction(sys.SIGALRM, handler)
        await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGALRM})
        await sys.alarm(1)
        await sys.sleep(2)
        left = timespec(10**10)
        await sys.print(await errno_of(sys.syscall("ppoll", 0, 0, left, bytes(8), 8)))
        await sys.print(sys.SIGALRM in await sys.sigprocmask(sys.SIG_BLOCK, set()))
        await sys.print(await errno_of(sys.syscall("ppoll", 0, 0, 0, bytes(8), 4)))

    assert run(main) == "caught\nEINTR\nTrue\nEINVAL\n"


def test_ppoll_writes_the_time_left():
    """Unlike POSIX, as Linux does."""
    async def main(sys):
        r, w = await sys.pipe()
        if await sys.fork() == 0:
            await sys.sleep(3)
            await sys.write(w, b"x")
            return
        left = timespec(10 * 10**9)
        await sys.print(await sys.syscall("ppoll", bytearray(struct.pack("<ihh", r, 1, 0)), 1, left, 0, 0))
        await sys.print(struct.unpack("<qq", left)[0])

    assert run(main) == "1\n6\n"


def test_select():
    """Sets are overwritten with what is ready; the sum over the sets is returned."""
    async def main(sys):
        r, w = await sys.pipe()
        rd, wr = fds(r), fds(w)
        await sys.print(await sys.syscall("select", 10, rd, wr, 0, 0), members(rd), members(wr))
        await sys.write(w, b"x")
        rd, wr, ex = fds(r), fds(w), fds(r)
        await sys.print(await sys.syscall("select", 10, rd, wr, ex, 0), members(rd), members(wr), members(ex))

    assert run(main) == "1 [] [4]\n2 [3] [4] []\n"


def test_select_timeout():
    """The timeout is in microseconds, and what is left is written back: nothing; it ends a thousandth later."""
    async def main(sys):
        r, _ = await sys.pipe()
        rd = fds(r)
        tv = bytearray(struct.pack("<qq", 1, 500000))
        start = await sys.clock_gettime()
        await sys.print(await sys.syscall("select", 4, rd, 0, 0, tv), members(rd), struct.unpack("<qq", tv))
        await sys.print((await sys.clock_gettime() - start) // 10**5)
        await sys.print(await sys.syscall("select", 0, 0, 0, 0, bytearray(16)))

    assert run(main) == "0 [] (0, 0)\n15015\n0\n"


def test_select_errors():
    """A closed descriptor is EBADF, a negative count or time EINVAL."""
    async def main(sys):
        await sys.print(await errno_of(sys.syscall("select", 64, fds(40), 0, 0, bytearray(16))))
        await sys.print(await errno_of(sys.syscall("select", -1, 0, 0, 0, 0)))
        await sys.print(await errno_of(sys.syscall("select", 0, 0, 0, 0, bytearray(struct.pack("<qq", -1, 0)))))
        await sys.print(await errno_of(sys.syscall("select", 64, 0x1000, 0, 0, 0)))

    assert run(main) == "EBADF\nEINVAL\nEINVAL\nEFAULT\n"


def test_select_restarts_only_without_a_handler():
    """A stop leaves it sleeping, a handler ends it."""
    async def main(sys):
        async def handler(sig):
            pass

        r, _ = await sys.pipe()
        pid = await sys.fork()
        if pid == 0:
            await sys.sigaction(sys.SIGUSR1, handler, sys.SA_RESTART)
            await sys.print(await errno_of(sys.syscall("select", 4, fds(r), 0, 0, 0)))
            return
        await sys.sleep(1)
        await sys.kill(pid, sys.SIGSTOP)
        await sys.kill(pid, sys.SIGCONT)
        await sys.sleep(1)
        await sys.print((await sys.read_file(f"/proc/{pid}/stat")).split()[2])
        await sys.kill(pid, sys.SIGUSR1)
        await sys.wait()

    assert run(main) == "b'S'\nEINTR\n"


def test_a_set_of_many_descriptors_costs_its_words():
    """One number a bit took seconds for 400,000 of them."""
    async def main(sys):
        await sys.setrlimit(sys.RLIMIT_NOFILE, (1 << 20, 1 << 20))
        r, w = await sys.pipe()
        await sys.write(w, b"x")
        await sys.dup2(r, 400_000)
        for _ in range(3):
            wanted = bytearray((1 << 400_000 | 1 << r).to_bytes(50_008, "little"))
            ready = await sys.syscall("select", 400_001, wanted, 0, 0, bytearray(16))
            await sys.print(ready, int.from_bytes(wanted, "little") == 1 << 400_000 | 1 << r)

    begun = process_time()
    assert run(main) == "2 True\n" * 3
    assert process_time() - begun < 3
