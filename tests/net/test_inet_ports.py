"""TCP's ports when all are taken: those that a test does not bind are put there, as if others had them."""

from tests.fs.programs import errno_of

from procession import Machine
from procession.net.ipv4.inet_hashtables import PORT_HIGH, PORT_LOW
from procession.net.ipv4.sock import BindBucket, inet_net

HOST, OTHER = "127.0.0.1", "127.0.0.2"


def run(main):
    """Run a program in a machine that it may look into; nothing but the buckets put there may be left."""
    machine = Machine()

    async def outer(linux):
        ports = inet_net(machine.kernel.init_net_ns).bhash
        await main(linux, ports)
        for port in [port for port, tb in ports.items() if all(sk.bind_hash is not tb for sk in tb.owners)]:
            del ports[port]

    result = machine.run(outer)
    assert (result.exit_code, result.stderr) == (0, b"")
    machine.kernel.check_baseline()
    return result.output


def fill(ports):
    """Let a socket that has a port have all the others too."""
    owner = next(iter(next(iter(ports.values())).owners))
    for port in range(PORT_LOW, PORT_HIGH + 1):
        if port not in ports:
            ports[port] = BindBucket(port)
            ports[port].owners[owner] = None


async def sharing(linux, address, *, on=True):
    fd = await linux.socket()
    await linux.setsockopt(fd, linux.SOL_SOCKET, linux.SO_REUSEADDR, int(on))
    return fd, await errno_of(linux.bind(fd, address))


def test_a_port_when_all_are_taken():
    """Who shares gets the one with the fewest users, unless one of them listens there; who does not share gets none."""
    async def main(linux, ports):
        first, _ = await sharing(linux, (HOST, PORT_LOW + 5))
        for _ in range(2):
            await sharing(linux, (HOST, PORT_LOW + 3))
        fill(ports)
        await linux.print((await sharing(linux, (HOST, 0), on=False))[1])
        fd, _ = await sharing(linux, (HOST, 0))
        await linux.print(await linux.getsockname(fd))
        await linux.close(fd)
        await linux.close(first)
        # Its last user has given the port back.
        await linux.print(await linux.getsockname((await sharing(linux, (HOST, 0), on=False))[0]))

    low = PORT_LOW
    assert run(main) == f"EADDRINUSE\n('{HOST}', {low + 5})\n('{HOST}', {low + 5})\n"


def test_a_shared_port_whose_user_shares_no_more():
    """It is found, again and again, and is of no use; for another address it is. Where somebody listens it is not."""
    async def main(linux, ports):
        fd, _ = await sharing(linux, (HOST, PORT_LOW))
        await linux.setsockopt(fd, linux.SOL_SOCKET, linux.SO_REUSEADDR, 0)
        fill(ports)
        await linux.print((await sharing(linux, (HOST, 0)))[1])
        other, wrong = await sharing(linux, (OTHER, 0))
        await linux.print(wrong, await linux.getsockname(other))
        await linux.listen(other, 1)
        await linux.print((await sharing(linux, ("127.0.0.3", 0)))[1])

    assert run(main) == f"EADDRINUSE\nnone ('{OTHER}', {PORT_LOW})\nEADDRINUSE\n"


def test_a_connection_when_all_ports_are_taken():
    """Ports that connections alone have serve others that go elsewhere; bound ones do not."""
    async def main(linux, ports):
        listeners = []
        for host in (HOST, OTHER):
            listeners.append(await linux.socket())
            await linux.bind(listeners[-1], (host, 80))
            await linux.listen(listeners[-1], 5)
        fill(ports)
        fds = [await linux.socket() for _ in range(4)]
        await linux.print(await errno_of(linux.connect(fds[0], (HOST, 80))))
        del ports[PORT_LOW + 7]
        await linux.print(*[await errno_of(linux.connect(fd, (HOST, 80))) for fd in fds[1:3]])
        await linux.print(await errno_of(linux.connect(fds[3], (OTHER, 80))), await linux.getsockname(fds[3]))
        await linux.print(len(ports[PORT_LOW + 7].owners))

    assert run(main) == f"EADDRNOTAVAIL\nnone EADDRNOTAVAIL\nnone ('{HOST}', {PORT_LOW + 7})\n2\n"
