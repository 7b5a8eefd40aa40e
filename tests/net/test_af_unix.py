"""Local sockets."""

import struct

from tests.fs.programs import errno_of, run


def address(path):
    return b"\1\0" + path


def test_a_socketpair_goes_both_ways():
    """Like two pipes; closing one end is the end for the other."""
    async def main(sys):
        a, b = await sys.socketpair()
        if await sys.fork() == 0:
            await sys.close(a)
            await sys.write(b, b"to the parent")
            await sys.print("child", await sys.read(b, 100), await sys.read(b, 100))
            return
        await sys.close(b)
        await sys.print("parent", await sys.read(a, 100))
        await sys.write(a, b"to the child")
        await sys.close(a)
        await sys.wait()

    assert run(main) == "parent b'to the parent'\nchild b'to the child' b''\n"


def test_a_stream_has_no_boundaries_a_datagram_has():
    """Two writes are one read from a stream, and two from the others."""
    async def main(sys):
        for kind in (1, 2, 5):
            a, b = await sys.socketpair(1, kind)
            await sys.write(a, b"one")
            await sys.write(a, b"two")
            await sys.print(await sys.read(b, 2), await sys.read(b, 10))

    assert run(main) == "b'on' b'etwo'\nb'on' b'two'\nb'on' b'two'\n"


def test_writing_to_nobody():
    """EPIPE with SIGPIPE, which MSG_NOSIGNAL spares; unread data resets the connection."""
    async def main(sys):
        a, b = await sys.socketpair()
        await sys.close(b)
        await sys.print(await errno_of(sys.syscall("sendto", a, b"x", 1, 0x4000, 0, 0)))
        if await sys.fork() == 0:
            await sys.write(a, b"x")
        _, status = await sys.wait()
        await sys.print(sys.WTERMSIG(status) == sys.SIGPIPE)
        a, b = await sys.socketpair()
        await sys.write(a, b"unread")
        await sys.close(b)
        await sys.print(await errno_of(sys.read(a, 1)), await sys.read(a, 1))

    assert run(main) == "EPIPE\nTrue\nECONNRESET b''\n"


def test_shutdown():
    """A direction can be ended alone."""
    async def main(sys):
        a, b = await sys.socketpair()
        await sys.write(a, b"last words")
        await sys.syscall("shutdown", a, 1)
        await sys.print(await sys.read(b, 100), await sys.read(b, 100))
        await sys.write(b, b"answer")
        await sys.print(await sys.read(a, 100), await errno_of(sys.syscall("shutdown", a, 3)))

    assert run(main) == "b'last words' b''\nb'answer' none\n"


def test_poll_and_nonblocking():
    """EAGAIN both ways; poll tells when it is over."""
    async def main(sys):
        a, b = await sys.socketpair(1, 1 | sys.O_NONBLOCK)
        await sys.print(await errno_of(sys.read(a, 1)), await sys.poll([(a, 5)], 0))
        total = 0
        while await errno_of(sys.write(a, bytes(10000))) == "none":
            total += 1
        await sys.print(total > 10, await sys.poll([(a, 4), (b, 1)], 0))
        await sys.close(a)
        await sys.print(await sys.poll([(b, 1 | 0x2000)], 0))

    assert run(main) == "EAGAIN [(3, 4)]\nTrue [(4, 1)]\n[(4, 8209)]\n"


def test_a_server():
    """bind, listen, accept and connect, by a name in the file system."""
    async def main(sys):
        s = await sys.syscall("socket", 1, 1, 0)
        await sys.syscall("bind", s, address(b"/sock\0"), 8)
        await sys.print(oct((await sys.stat("/sock")).st_mode), await errno_of(sys.open("/sock", 0)))
        await sys.syscall("listen", s, 5)
        if await sys.fork() == 0:
            c = await sys.syscall("socket", 1, 1, 0)
            await sys.syscall("connect", c, address(b"/sock"), 7)
            await sys.write(c, b"hello")
            await sys.print("client", await sys.read(c, 100))
            name, size = bytearray(20), bytearray(struct.pack("<i", 20))
            await sys.syscall("getpeername", c, name, size)
            await sys.print(bytes(name[:struct.unpack("<i", size)[0]]))
            return
        c = await sys.syscall("accept", s, 0, 0)
        cred, size = bytearray(12), bytearray(struct.pack("<i", 12))
        await sys.print("server", await sys.read(c, 100))
        await sys.syscall("getsockopt", c, 1, 17, cred, size)
        await sys.print(struct.unpack("<III", cred)[0] == await sys.getpid() + 1)
        await sys.write(c, b"welcome")
        await sys.wait()

    assert run(main) == (
        "0o140755 ENXIO\nserver b'hello'\nTrue\nclient b'welcome'\nb'\\x01\\x00/sock\\x00'\n"
    )


def test_connect_errors():
    """No such name, nobody there, not listening, another type (which an abstract name is of), connected already."""
    async def main(sys):
        c = await sys.syscall("socket", 1, 1, 0)
        d = await sys.syscall("socket", 1, 2, 0)
        s = await sys.syscall("socket", 1, 1, 0)
        await sys.print(await errno_of(sys.syscall("connect", c, address(b"/none"), 7)), end=" ")
        await sys.write_file("/file", b"")
        await sys.print(await errno_of(sys.syscall("connect", c, address(b"/file"), 7)), end=" ")
        await sys.syscall("bind", s, address(b"\0name"), 7)
        await sys.print(await errno_of(sys.syscall("bind", c, address(b"\0name"), 7)), end=" ")
        await sys.print(await errno_of(sys.syscall("connect", c, address(b"\0name"), 7)), end=" ")
        await sys.syscall("listen", s, 5)
        await sys.print(await errno_of(sys.syscall("connect", d, address(b"\0name"), 7)), end=" ")
        p = await sys.syscall("socket", 1, 1, 0)
        await sys.syscall("bind", p, address(b"/path"), 7)
        await sys.print(await errno_of(sys.syscall("connect", d, address(b"/path"), 7)), end=" ")
        await sys.syscall("connect", c, address(b"\0name"), 7)
        await sys.print(await errno_of(sys.syscall("connect", c, address(b"\0name"), 7)), end=" ")
        await sys.print(await errno_of(sys.syscall("listen", d, 1)), await errno_of(sys.syscall("listen", 0, 1)))

    assert run(main) == (
        "ENOENT ECONNREFUSED EADDRINUSE ECONNREFUSED ECONNREFUSED EPROTOTYPE EISCONN ENOTSUP ENOTSOCK\n"
    )


def test_families_and_types():
    """What there is not."""
    async def main(sys):
        for args in ((2, 1, 0), (99, 1, 0), (1, 4, 0), (1, 1, 7), (1, 12, 0), (1, 1 | 0x100, 0), (17, 3, 0)):
            await sys.print(await errno_of(sys.syscall("socket", *args)), end=" ")

    assert run(main) == "none EAFNOSUPPORT ESOCKTNOSUPPORT EPROTONOSUPPORT EINVAL EINVAL EAFNOSUPPORT "


def test_types_of_netlink():
    """Raw and datagrams, which are the same; a number that no protocol has is EPROTONOSUPPORT."""
    async def main(sys):
        for args in ((16, 3, 0), (16, 2, 0), (16, 1, 0), (16, 5, 0), (16, 3, 31), (16, 3, 32), (16, 3, -1)):
            await sys.print(await errno_of(sys.syscall("socket", *args)), end=" ")

    assert run(main) == "none none ESOCKTNOSUPPORT ESOCKTNOSUPPORT EPROTONOSUPPORT EPROTONOSUPPORT EPROTONOSUPPORT "


def test_datagrams_to_a_name():
    """With the sender's address, if it has one."""
    async def main(sys):
        r = await sys.syscall("socket", 1, 2, 0)
        s = await sys.syscall("socket", 1, 2, 0)
        await sys.syscall("bind", r, address(b"\0r"), 4)
        await sys.syscall("bind", s, address(b"\0s"), 4)
        await sys.syscall("sendto", s, b"datagram", 8, 0, address(b"\0r"), 4)
        data, name, size = bytearray(4), bytearray(20), bytearray(struct.pack("<i", 20))
        await sys.print(await sys.syscall("recvfrom", r, data, 4, 0x20, name, size), bytes(data), bytes(name[:4]))
        await sys.print(await errno_of(sys.write(s, b"x")), await sys.readlink(f"/proc/self/fd/{r}"))

    assert run(main) == "4 b'data' b'\\x01\\x00\\x00s'\nENOTCONN socket:[2]\n"
