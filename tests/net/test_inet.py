"""Internet sockets of Python programs, with addresses as Python writes them."""

from __future__ import annotations

from tests.fs.programs import errno_of

from procession import Machine


def run(main):
    return Machine().run(main).stdout.decode()


def test_a_stream():
    """A server and its client."""
    async def main(linux):
        listener = await linux.socket()
        await linux.setsockopt(listener, linux.SOL_SOCKET, linux.SO_REUSEADDR, 1)
        await linux.bind(listener, ("127.0.0.1", 8080))
        await linux.listen(listener, 5)
        if await linux.fork() == 0:
            client = await linux.socket()
            await linux.connect(client, ("localhost", 8080))
            await linux.write(client, "hello")
            return
        fd, who = await linux.accept(listener)
        await linux.print(who[0], await linux.recv(fd, 100), await linux.recv(fd, 100))
        await linux.print(await linux.getsockname(fd), (await linux.getpeername(fd)) == who)
        await linux.wait()

    assert run(main) == "127.0.0.1 b'hello' b''\n('127.0.0.1', 8080) True\n"


def test_datagrams():
    """Of both versions, and of none."""
    async def main(linux):
        for host, family in (("127.0.0.1", linux.AF_INET), ("::1", linux.AF_INET6)):
            fd = await linux.socket(family, linux.SOCK_DGRAM)
            await linux.bind(fd, (host, 0))
            name = await linux.getsockname(fd)
            await linux.sendto(fd, b"abc", address=name)
            await linux.print(await linux.recvfrom(fd, 10) == (b"abc", name))
        await linux.print(await errno_of(linux.sendto(fd, b"abc", address=("2001::1", 5))))
        await linux.print(await linux.getsockopt(fd, linux.SOL_SOCKET, linux.SO_TYPE))

    assert run(main) == "True\nTrue\nENETUNREACH\n2\n"


def test_what_is_no_address():
    """Mistakes are told at the call: names are not looked up."""
    async def main(linux):
        fd = await linux.socket()
        for address in (("example.org", 80), ("127.0.0.1", 70000), ("127.0.0.1", "80"), 5):
            try:
                await linux.connect(fd, address)
            except (TypeError, ValueError) as error:
                await linux.print(type(error).__name__)

    assert run(main) == "ValueError\nValueError\nTypeError\nTypeError\n"


def test_no_way_out():
    """No address but the machine's own has a route, whatever is tried."""
    async def main(linux):
        for host in ("10.0.0.1", "192.168.1.1", "8.8.8.8", "169.254.1.1", "2001:db8::1"):
            for kind in (linux.SOCK_STREAM, linux.SOCK_DGRAM):
                fd = await linux.socket(linux.AF_INET6 if ":" in host else linux.AF_INET, kind)
                await linux.print(await errno_of(linux.connect(fd, (host, 80))), end=" ")

    assert run(main) == "ENETUNREACH " * 10
