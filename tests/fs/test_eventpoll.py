"""epoll."""

from tests.fs.programs import errno_of, run

IN, OUT, HUP, ONESHOT, ET = 1, 4, 16, 1 << 30, 1 << 31
ADD, DEL, MOD = 1, 2, 3


def test_level_triggered():
    """A file is reported as long as it is ready."""
    async def main(sys):
        r, w = await sys.pipe()
        ep = await sys.epoll_create()
        await sys.epoll_ctl(ep, ADD, r, IN)
        await sys.print(await sys.epoll_wait(ep, 4, 0))
        await sys.write(w, b"x")
        await sys.print(await sys.epoll_wait(ep, 4, 0), await sys.epoll_wait(ep, 4, 0))
        await sys.read(r, 1)
        await sys.print(await sys.epoll_wait(ep, 4, 0))

    assert run(main) == "[]\n[(3, 1)] [(3, 1)]\n[]\n"


def test_edge_triggered():
    """Each wake-up is reported once."""
    async def main(sys):
        r, w = await sys.pipe()
        ep = await sys.epoll_create()
        await sys.epoll_ctl(ep, ADD, r, IN | ET)
        await sys.write(w, b"x")
        await sys.print(await sys.epoll_wait(ep, 4, 0), await sys.epoll_wait(ep, 4, 0))
        await sys.write(w, b"y")
        await sys.print(await sys.epoll_wait(ep, 4, 0))

    assert run(main) == "[(3, 1)] []\n[(3, 1)]\n"


def test_one_shot():
    """Reported once, until it is armed again with EPOLL_CTL_MOD."""
    async def main(sys):
        r, w = await sys.pipe()
        ep = await sys.epoll_create()
        await sys.epoll_ctl(ep, ADD, r, IN | ONESHOT)
        await sys.write(w, b"x")
        await sys.print(await sys.epoll_wait(ep, 4, 0), await sys.epoll_wait(ep, 4, 0))
        await sys.epoll_ctl(ep, MOD, r, IN | ONESHOT)
        await sys.print(await sys.epoll_wait(ep, 4, 0))

    assert run(main) == "[(3, 1)] []\n[(3, 1)]\n"


def test_waiting():
    """epoll_wait sleeps until the first event or the timeout."""
    async def main(sys):
        r, w = await sys.pipe()
        ep = await sys.epoll_create()
        await sys.epoll_ctl(ep, ADD, r, IN)
        if await sys.fork() == 0:
            await sys.sleep(1)
            await sys.write(w, b"x")
            return
        start = await sys.clock_gettime()
        await sys.print(await sys.epoll_wait(ep, 4), (await sys.clock_gettime() - start) // 10**9)
        await sys.read(r, 1)
        start = await sys.clock_gettime()
        await sys.print(await sys.epoll_wait(ep, 4, 700), (await sys.clock_gettime() - start) // 10**6)

    assert run(main) == "[(3, 1)] 1\n[] 700\n"


def test_errors():
    """Each of epoll_ctl's in turn."""
    async def main(sys):
        r, w = await sys.pipe()
        ep = await sys.epoll_create()
        root = await sys.open("/", 0)
        await sys.epoll_ctl(ep, ADD, r, IN)
        for call in (
            sys.epoll_ctl(ep, ADD, r, IN), sys.epoll_ctl(ep, MOD, w, IN), sys.epoll_ctl(ep, DEL, w),
            sys.epoll_ctl(ep, ADD, 77, IN), sys.epoll_ctl(ep, ADD, ep, IN), sys.epoll_ctl(r, ADD, w, IN),
            sys.epoll_ctl(ep, ADD, root, IN), sys.epoll_ctl(ep, 9, w, IN), sys.syscall("epoll_create", 0),
            sys.syscall("epoll_create1", 1), sys.syscall("epoll_wait", ep, bytearray(12), 0, 0),
            sys.syscall("epoll_wait", r, bytearray(12), 1, 0),
        ):
            await sys.print(await errno_of(call), end=" ")

    assert run(main) == (
        "EEXIST ENOENT ENOENT EBADF EINVAL EINVAL EPERM EINVAL EINVAL EINVAL EINVAL EINVAL "
    )


def test_nested():
    """An epoll descriptor can be watched by another one, but not in a circle."""
    async def main(sys):
        r, w = await sys.pipe()
        inner, outer = await sys.epoll_create(), await sys.epoll_create()
        await sys.epoll_ctl(inner, ADD, r, IN)
        await sys.epoll_ctl(outer, ADD, inner, IN)
        await sys.print(await errno_of(sys.epoll_ctl(inner, ADD, outer, IN)))
        await sys.write(w, b"x")
        await sys.print(await sys.epoll_wait(outer, 4, 0), await sys.epoll_wait(inner, 4, 0))

    assert run(main) == "ELOOP\n[(5, 1)] [(3, 1)]\n"


def test_a_closed_file_leaves():
    """The last close of a watched file takes it out of the set."""
    async def main(sys):
        r, w = await sys.pipe()
        ep = await sys.epoll_create()
        await sys.epoll_ctl(ep, ADD, r, IN)
        await sys.close(w)
        await sys.print(await sys.epoll_wait(ep, 4, 0))
        await sys.close(r)
        await sys.print(await sys.epoll_wait(ep, 4, 0))

    assert run(main) == "[(3, 16)]\n[]\n"


def test_interrupted_is_never_restarted():
    """EINTR even with SA_RESTART."""
    async def main(sys):
        async def handler(sig):
            await sys.print("caught")

        ep = await sys.epoll_create()
        await sys.sigaction(sys.SIGALRM, handler, sys.SA_RESTART)
        await sys.alarm(1)
        await sys.print(await errno_of(sys.epoll_wait(ep)))

    assert run(main) == "caught\nEINTR\n"


def test_pwait_exchanges_the_mask():
    """A blocked signal gets through for the time of the call."""
    async def main(sys):
        async def handler(sig):
            await sys.print("caught")

        ep = await sys.epoll_create()
        await sys.sigaction(sys.SIGUSR1, handler)
        await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR1})
        await sys.kill(await sys.getpid(), sys.SIGUSR1)
        await sys.print("pending")
        await sys.print(await errno_of(sys.syscall("epoll_pwait", ep, bytearray(12), 1, -1, bytes(8), 8)))

    assert run(main) == "pending\ncaught\nEINTR\n"


def test_many_ready_files_take_turns():
    """With room for one event at a time, everybody comes to be reported."""
    async def main(sys):
        ep = await sys.epoll_create()
        ends = [await sys.pipe() for _ in range(3)]
        for r, w in ends:
            await sys.epoll_ctl(ep, ADD, r, IN)
            await sys.write(w, b"x")
        await sys.print([(await sys.epoll_wait(ep, 1, 0))[0][0] for _ in range(6)])

    assert run(main) == "[4, 6, 8, 4, 6, 8]\n"
