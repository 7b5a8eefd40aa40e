"""Pipes, shown by programs that use them."""

from tests.fs.programs import errno_of, run

PAGE = 4096


def test_bytes_come_out_in_order():
    """What goes in at one end comes out at the other, and then the reader sees the end."""
    async def main(sys):
        r, w = await sys.pipe()
        await sys.write(w, b"hello ")
        await sys.write(w, b"world")
        await sys.print(await sys.read(r, 8), await sys.read(r, 8))
        await sys.close(w)
        await sys.print(await sys.read(r, 8))

    assert run(main) == "b'hello wo' b'rld'\nb''\n"


def test_a_reader_waits_for_a_writer():
    """read(2) of an empty pipe sleeps in pipe_wait until somebody writes."""
    async def main(sys):
        r, w = await sys.pipe()
        pid = await sys.fork()
        if pid == 0:
            await sys.print(await sys.read(r, 100))
            return
        await sys.sleep(1)
        await sys.print(await sys.read_file(f"/proc/{pid}/wchan"))
        await sys.write(w, b"late")
        await sys.wait()

    assert run(main) == "b'pipe_wait'\nb'late'\n"


def test_capacity_is_sixteen_pages():
    """A pipe holds 65536 bytes of page-sized writes."""
    async def main(sys):
        _, w = await sys.pipe(sys.O_NONBLOCK)
        total = 0
        while True:
            try:
                total += await sys.write(w, bytes(PAGE))
            except BlockingIOError:
                break
        await sys.print(total, await sys.fcntl(w, 1032))

    assert run(main) == "65536 65536\n"


def test_small_writes_share_a_page():
    """A write that fits behind the last one does not take a buffer of its own."""
    async def main(sys):
        _, w = await sys.pipe(sys.O_NONBLOCK)
        total = 0
        while await errno_of(sys.write(w, b"x" * 100)) == "none":
            total += 100
        await sys.print(total)

    assert run(main) == f"{16 * (PAGE // 100) * 100}\n"


def test_a_write_that_does_not_fit_takes_a_new_buffer():
    """With 3000 bytes in every page the pipe is full long before 65536 bytes."""
    async def main(sys):
        _, w = await sys.pipe(sys.O_NONBLOCK)
        count = 0
        while await errno_of(sys.write(w, bytes(3000))) == "none":
            count += 1
        await sys.print(count)

    assert run(main) == "16\n"


def test_room_of_read_bytes_is_not_used_again():
    """Space before the read position is given back only with its whole page."""
    async def main(sys):
        r, w = await sys.pipe(sys.O_NONBLOCK)
        for _ in range(16):
            await sys.write(w, bytes(PAGE))
        await sys.read(r, PAGE - 1)
        await sys.print(await errno_of(sys.write(w, b"x")))
        await sys.read(r, 1)
        await sys.print(await errno_of(sys.write(w, b"x")))

    assert run(main) == "EAGAIN\nnone\n"


def test_nonblocking_write_is_all_or_nothing_up_to_pipe_buf():
    """4096 bytes go as a whole or not at all; more than that in part."""
    async def main(sys):
        r, w = await sys.pipe(sys.O_NONBLOCK)
        await sys.write(w, bytes(15 * PAGE + 1))
        await sys.print(await errno_of(sys.write(w, bytes(PAGE))))
        await sys.read(r, PAGE)
        await sys.print(await sys.write(w, bytes(3 * PAGE)))

    assert run(main) == "EAGAIN\n4096\n"


def test_write_without_reader():
    """SIGPIPE and, if that is ignored, EPIPE."""
    async def main(sys):
        r, w = await sys.pipe()
        await sys.close(r)
        if await sys.fork() == 0:
            await sys.write(w, b"x")
        _, status = await sys.wait()
        await sys.print(sys.WTERMSIG(status) == sys.SIGPIPE)
        await sys.signal(sys.SIGPIPE, sys.SIG_IGN)
        await sys.print(await errno_of(sys.write(w, b"x")), await errno_of(sys.write(w, b"")))

    assert run(main) == "True\nEPIPE none\n"


def test_a_blocked_writer_goes_on_when_there_is_room():
    """A write larger than the pipe returns when the reader has taken enough."""
    async def main(sys):
        r, w = await sys.pipe()
        if await sys.fork() == 0:
            await sys.close(r)
            await sys.print("wrote", await sys.write(w, bytes(200000)))
            return
        await sys.close(w)
        total = 0
        while data := await sys.read(r, 50000):
            total += len(data)
        await sys.wait()
        await sys.print("read", total)

    assert run(main) == "wrote 200000\nread 200000\n"


def test_the_last_reader_leaving_wakes_a_blocked_writer():
    """The writer gets SIGPIPE although part of its data was taken before."""
    async def main(sys):
        r, w = await sys.pipe()
        pid = await sys.fork()
        if pid == 0:
            await sys.close(r)
            await sys.write(w, bytes(200000))
        await sys.close(w)
        await sys.read(r, 10)
        await sys.close(r)
        _, status = await sys.wait()
        await sys.print(sys.WTERMSIG(status) == sys.SIGPIPE)

    assert run(main) == "True\n"


def test_a_signal_interrupts_a_read():
    """Without SA_RESTART EINTR, with it the read goes on."""
    async def main(sys):
        async def handler(sig):
            await sys.print("caught", sig)

        r, w = await sys.pipe()
        await sys.sigaction(sys.SIGUSR1, handler)
        parent = await sys.getpid()
        if await sys.fork() == 0:
            await sys.sleep(1)
            await sys.kill(parent, sys.SIGUSR1)
            await sys.sleep(1)
            await sys.kill(parent, sys.SIGUSR1)
            await sys.sleep(1)
            await sys.write(w, b"data")
            return
        await sys.print(await errno_of(sys.read(r, 4)))
        await sys.sigaction(sys.SIGUSR1, handler, sys.SA_RESTART)
        await sys.print(await sys.read(r, 4))

    assert run(main) == "caught 10\nEINTR\ncaught 10\nb'data'\n"


def test_pipe2_flags():
    """O_CLOEXEC and O_NONBLOCK are known; O_DIRECT came later."""
    async def main(sys):
        r, w = await sys.pipe(sys.O_CLOEXEC)
        await sys.print(await sys.fcntl(r, sys.F_GETFD), await sys.fcntl(w, sys.F_GETFD))
        r, w = await sys.pipe(sys.O_NONBLOCK)
        await sys.print(oct(await sys.fcntl(r, sys.F_GETFL)), oct(await sys.fcntl(w, sys.F_GETFL)))
        await sys.print(await errno_of(sys.pipe(0o40000)), await errno_of(sys.syscall("pipe", 0)))
        await sys.print(await sys.pipe())

    assert run(main) == "1 1\n0o4000 0o4001\nEINVAL EFAULT\n(7, 8)\n"


def test_size_of_a_pipe():
    """F_SETPIPE_SZ rounds up to a power of two of pages; what is there must fit; more than 1 MiB needs a right."""
    async def main(sys):
        r, w = await sys.pipe()
        await sys.print(await sys.fcntl(w, 1031, 3 * PAGE), await sys.fcntl(r, 1032))
        await sys.write(w, bytes(3 * PAGE))
        await sys.print(await errno_of(sys.fcntl(w, 1031, PAGE)))
        await sys.setuid(1000)
        await sys.print(await errno_of(sys.fcntl(w, 1031, (1 << 20) + 1)), await sys.fcntl(w, 1031, 1 << 20))
        await sys.print(await errno_of(sys.fcntl(await sys.open("/", 0), 1032)))

    assert run(main) == "16384 16384\nEBUSY\nEPERM 1048576\nEBADF\n"


def test_ioctl():
    """FIONREAD counts the bytes; 3.2 answers EINVAL to what it does not know, such as isatty(3)'s question."""
    async def main(sys):
        r, w = await sys.pipe()
        await sys.write(w, bytes(5000))
        await sys.read(r, 100)
        count = bytearray(4)
        await sys.syscall("ioctl", r, 0x541B, count)
        await sys.print(int.from_bytes(count, "little"), await errno_of(sys.syscall("ioctl", r, 0x5401, bytearray(60))))

    assert run(main) == "4900 EINVAL\n"


def test_poll():
    """Readable with data, hung up without writers, writable with a free buffer, in error without readers."""
    async def main(sys):
        r, w = await sys.pipe()
        await sys.print(await sys.poll([(r, 1), (w, 4)], 0))
        await sys.write(w, b"x")
        await sys.print(await sys.poll([(r, 1), (w, 4)], 0))
        await sys.write(w, bytes(65535 - 4095 - 1 + 4095))
        await sys.print(await sys.poll([(w, 4)], 0))
        await sys.close(r)
        await sys.print(await sys.poll([(w, 4)], 0))
        r, w = await sys.pipe()
        await sys.close(w)
        await sys.print(await sys.poll([(r, 1)], 0))

    assert run(main) == "[(4, 4)]\n[(3, 1), (4, 4)]\n[]\n[(4, 8)]\n[(3, 16)]\n"


def test_a_pipe_has_a_name_under_proc():
    """It can be read there and opened once more: /dev/stdin works."""
    async def main(sys):
        r, w = await sys.pipe()
        name = await sys.readlink(f"/proc/self/fd/{r}")
        await sys.print(name[:6], name == await sys.readlink(f"/proc/self/fd/{w}"))
        again = await sys.open(f"/proc/self/fd/{w}", sys.O_WRONLY)
        await sys.close(w)
        await sys.write(again, b"through the name")
        await sys.close(again)
        await sys.print(await sys.read(r, 100), await sys.read(r, 100))

    assert run(main) == "pipe:[ True\nb'through the name' b''\n"


def test_bad_address():
    """A fault before the first byte is EFAULT, after it the bytes so far count."""
    async def main(sys):
        r, w = await sys.pipe()
        await sys.print(await errno_of(sys.syscall("write", w, 0x1000, 10)))
        await sys.write(w, b"abc")
        await sys.print(await errno_of(sys.syscall("read", r, 0x1000, 10)), await sys.read(r, 10))

    assert run(main) == "EFAULT\nEFAULT b'abc'\n"
