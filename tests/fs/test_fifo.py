"""Opening named pipes."""

from tests.fs.programs import errno_of, run


def test_open_waits_for_the_other_end():
    """A reader that opens first sleeps until a writer opens."""
    async def main(sys):
        await sys.mkfifo("/f")
        if await sys.fork() == 0:
            fd = await sys.open("/f", sys.O_RDONLY)
            await sys.print("reader", await sys.read(fd, 10), await sys.read(fd, 10))
            return
        await sys.sleep(1)
        await sys.print("writer opens")
        fd = await sys.open("/f", sys.O_WRONLY)
        await sys.write(fd, b"data")
        await sys.close(fd)
        await sys.wait()

    assert run(main) == "writer opens\nreader b'data' b''\n"


def test_a_writer_waits_as_well():
    """And it may come first."""
    async def main(sys):
        await sys.mkfifo("/f")
        if await sys.fork() == 0:
            fd = await sys.open("/f", sys.O_WRONLY)
            await sys.print("writer is through")
            await sys.write(fd, b"x")
            return
        await sys.sleep(1)
        fd = await sys.open("/f", sys.O_RDONLY)
        await sys.print(await sys.read(fd, 10))
        await sys.wait()

    assert sorted(run(main).splitlines()) == ["b'x'", "writer is through"]


def test_nonblocking_opens():
    """The reading end opens at once, the writing end answers ENXIO without a reader."""
    async def main(sys):
        await sys.mkfifo("/f")
        await sys.print(await errno_of(sys.open("/f", sys.O_WRONLY | sys.O_NONBLOCK)))
        r = await sys.open("/f", sys.O_RDONLY | sys.O_NONBLOCK)
        await sys.print(await sys.read(r, 1))
        w = await sys.open("/f", sys.O_WRONLY | sys.O_NONBLOCK)
        await sys.print(await errno_of(sys.read(r, 1)))
        await sys.write(w, b"y")
        await sys.print(await sys.read(r, 1))

    assert run(main) == "ENXIO\nb''\nEAGAIN\nb'y'\n"


def test_no_hangup_before_the_first_writer():
    """poll(2) reports POLLHUP only when a writer has been there."""
    async def main(sys):
        await sys.mkfifo("/f")
        r = await sys.open("/f", sys.O_RDONLY | sys.O_NONBLOCK)
        await sys.print(await sys.poll([(r, 1)], 0))
        w = await sys.open("/f", sys.O_WRONLY)
        await sys.close(w)
        await sys.print(await sys.poll([(r, 1)], 0))

    assert run(main) == "[]\n[(3, 16)]\n"


def test_read_and_write_at_once():
    """O_RDWR never waits, and the opener is its own partner."""
    async def main(sys):
        await sys.mkfifo("/f")
        fd = await sys.open("/f", sys.O_RDWR)
        await sys.write(fd, b"self")
        await sys.print(await sys.read(fd, 10))

    assert run(main) == "b'self'\n"


def test_a_signal_interrupts_an_open():
    """And nothing stays behind: the next opener of the other kind waits again."""
    async def main(sys):
        async def handler(sig):
            pass

        await sys.mkfifo("/f")
        await sys.sigaction(sys.SIGALRM, handler)
        await sys.alarm(1)
        await sys.print(await errno_of(sys.open("/f", sys.O_RDONLY)))
        await sys.print(await errno_of(sys.open("/f", sys.O_WRONLY | sys.O_NONBLOCK)))

    assert run(main) == "EINTR\nENXIO\n"


def test_contents_are_gone_with_the_last_end():
    """A FIFO keeps nothing on the disk."""
    async def main(sys):
        await sys.mkfifo("/f")
        fd = await sys.open("/f", sys.O_RDWR)
        await sys.write(fd, b"lost")
        await sys.close(fd)
        fd = await sys.open("/f", sys.O_RDWR | sys.O_NONBLOCK)
        await sys.print(await errno_of(sys.read(fd, 10)))

    assert run(main) == "EAGAIN\n"
