"""eventfd, signalfd and timerfd."""

import struct

from tests.fs.programs import errno_of, run


def u64(value):
    return value.to_bytes(8, "little")


def number(data):
    return int.from_bytes(data, "little")


def test_eventfd_adds_up():
    """A read takes the whole counter; zero is EAGAIN, and the largest value cannot be written."""
    async def main(sys):
        fd = await sys.eventfd(3, sys.O_NONBLOCK)
        await sys.write(fd, u64(4))
        await sys.print(number(await sys.read(fd, 8)), await errno_of(sys.read(fd, 8)))
        await sys.print(await errno_of(sys.read(fd, 7)), await errno_of(sys.write(fd, u64((1 << 64) - 1))))
        await sys.write(fd, u64((1 << 64) - 2))
        await sys.print(await errno_of(sys.write(fd, u64(1))), await sys.poll([(fd, 5)], 0))
        await sys.print(await sys.readlink(f"/proc/self/fd/{fd}"))

    assert run(main) == "7 EAGAIN\nEINVAL EINVAL\nEAGAIN [(3, 1)]\nanon_inode:[eventfd]\n"


def test_eventfd_as_semaphore():
    """A read takes one, and waits for one."""
    async def main(sys):
        fd = await sys.eventfd(0, 1)
        if await sys.fork() == 0:
            for _ in range(3):
                await sys.print(number(await sys.read(fd, 8)))
            return
        await sys.sleep(1)
        await sys.write(fd, u64(2))
        await sys.sleep(1)
        await sys.print("one more")
        await sys.write(fd, u64(1))
        await sys.wait()

    assert run(main) == "1\n1\none more\n1\n"


def test_eventfd_flags():
    """EINVAL for unknown ones."""
    async def main(sys):
        await sys.print(await errno_of(sys.eventfd(0, 2)))

    assert run(main) == "EINVAL\n"


def test_signalfd_reads_signals():
    """Blocked signals are taken in order of their number, with sender and value."""
    async def main(sys):
        await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR1, 34})
        fd = await sys.signalfd(-1, {sys.SIGUSR1, 34}, sys.O_NONBLOCK)
        await sys.print(await errno_of(sys.read(fd, 128)), await errno_of(sys.read(fd, 127)))
        me = await sys.getpid()
        await sys.sigqueue(me, 34, 77)
        await sys.kill(me, sys.SIGUSR1)
        await sys.print(await sys.poll([(fd, 1)], 0))
        data = await sys.read(fd, 1000)
        await sys.print(len(data))
        for at in range(0, len(data), 128):
            signo, _, code, pid = struct.unpack_from("<IiiI", data, at)
            await sys.print(signo, code, pid == me, struct.unpack_from("<i", data, at + 44)[0])

    assert run(main) == "EAGAIN EINVAL\n[(3, 1)]\n256\n10 0 True 0\n34 -1 True 77\n"


def test_signalfd_wakes_a_reader():
    """A read sleeps until a signal of the set comes."""
    async def main(sys):
        await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGCHLD})
        fd = await sys.signalfd(-1, {sys.SIGCHLD})
        pid = await sys.fork()
        if pid == 0:
            await sys.sleep(1)
            await sys.exit(5)
        data = await sys.read(fd, 128)
        signo, _, code, child = struct.unpack_from("<IiiI", data)
        await sys.print(signo == sys.SIGCHLD, code, child == pid, struct.unpack_from("<i", data, 40)[0])
        await sys.wait()

    assert run(main) == "True 1 True 5\n"


def test_timerfd_counts_expirations():
    """A periodic timer's missed periods are counted, as exactly as the clock."""
    async def main(sys):
        fd = await sys.timerfd_create(1)
        await sys.timerfd_settime(fd, 100_000_000, 250_000_000)
        await sys.print(number(await sys.read(fd, 8)))
        await sys.sleep(1)
        await sys.print(number(await sys.read(fd, 8)))
        now = bytearray(32)
        await sys.syscall("timerfd_gettime", fd, now)
        interval, interval_ns, value, value_ns = struct.unpack("<qqqq", now)
        await sys.print(interval, interval_ns, value, 0 < value_ns < 250_000_000)

    assert run(main) == "1\n4\n0 250000000 0 True\n"


def test_timerfd_errors():
    """Clocks, flags and times that are none."""
    async def main(sys):
        fd = await sys.timerfd_create(0, sys.O_NONBLOCK)
        r, _ = await sys.pipe()
        for call in (
            sys.timerfd_create(2), sys.timerfd_create(1, 1), sys.read(fd, 8), sys.read(fd, 4),
            sys.syscall("timerfd_settime", fd, 4, bytes(32), 0), sys.syscall("timerfd_settime", r, 0, bytes(32), 0),
            sys.syscall("timerfd_settime", fd, 0, struct.pack("<qqqq", 0, 0, 0, 10**9), 0),
        ):
            await sys.print(await errno_of(call), end=" ")

    assert run(main) == "EINVAL EINVAL EAGAIN EINVAL EINVAL EINVAL EINVAL "


def test_timerfd_absolute_real_time():
    """A time of day that is over expires at once."""
    async def main(sys):
        fd = await sys.timerfd_create(0)
        await sys.timerfd_settime(fd, await sys.clock_gettime(0) + 2 * 10**9, 0, 1)
        start = await sys.clock_gettime()
        await sys.read(fd, 8)
        await sys.print(round((await sys.clock_gettime() - start) / 10**9, 3))
        await sys.timerfd_settime(fd, 1, 0, 1)
        await sys.print(number(await sys.read(fd, 8)))

    assert run(main) == "2.0\n1\n"
