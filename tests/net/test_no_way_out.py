"""Sockets lead to no socket of the host: not by a path, an abstract name, netlink or a descriptor sent along."""

from __future__ import annotations

import os
import socket
import struct

import pytest
from tests.fs.programs import errno_of

from procession import Machine


def address(path):
    return b"\1\0" + path


@pytest.fixture
def host(tmp_path):
    """Sockets of the host: by path, of three types, and by an abstract name."""
    found = {}
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        name = kind.name.removeprefix("SOCK_").lower()
        at_path = found[name] = socket.socket(socket.AF_UNIX, kind)
        at_path.bind(str(tmp_path / name))
        abstract = found["@" + name] = socket.socket(socket.AF_UNIX, kind)
        abstract.bind(b"\0procession-test-%d-%s" % (os.getpid(), name.encode()))
        for server in (at_path, abstract):
            server.setblocking(False)
            if kind != socket.SOCK_DGRAM:
                server.listen(4)
    yield found
    for server in found.values():
        server.close()


def heard(host):
    """Names of the host's sockets at which something has come."""
    out = []
    for name, server in host.items():
        try:
            server.recv(10) if name.endswith("dgram") else server.accept()
        except BlockingIOError:
            continue
        out.append(name)
    return out


@pytest.mark.parametrize("mode", ["ro", "rw"])
def test_paths_of_the_hosts_sockets(tmp_path, host, mode):
    """A volume shows them as files to which nobody inside is bound; for writing one more may be made beside them."""
    async def main(sys):
        for name, kind in ((b"stream", 1), (b"dgram", 2), (b"seqpacket", 5)):
            path = b"/v/" + name
            fd = await sys.socket(1, kind, 0)
            for way in (path, b"/v/../v/" + name):
                where = address(way + b"\0")
                await sys.print(name, await errno_of(sys.connect(fd, where, len(where))))
                await sys.print(await errno_of(sys.sendto(fd, b"x", 1, 0x4000, where, len(where))))
            await sys.print(await errno_of(sys.open(path.decode(), 2)))
            await sys.print(await errno_of(sys.bind(fd, address(path), 2 + len(path))))

    result = Machine(volumes={"/v": (tmp_path, mode)}).run(main)
    lines = result.stdout.decode().splitlines()
    in_use = "EADDRINUSE"
    for at, name in enumerate(("stream", "dgram", "seqpacket")):
        send = {"stream": "ENOTSUP", "dgram": "ECONNREFUSED", "seqpacket": "ENOTCONN"}[name]
        both = [f"b'{name}' ECONNREFUSED", send]
        assert lines[6 * at : 6 * at + 6] == [*both, *both, "ENXIO", in_use], lines
    assert heard(host) == []


def test_a_socket_made_in_a_volume(tmp_path):
    """The host sees a file at which nobody listens."""
    async def main(sys):
        fd = await sys.socket(1, 1, 0)
        await sys.bind(fd, address(b"/v/new"), 8)
        await sys.listen(fd, 4)

    Machine(volumes={"/v": (tmp_path, "rw")}).run(main)
    with socket.socket(socket.AF_UNIX) as client, pytest.raises(ConnectionRefusedError):
        client.connect(str(tmp_path / "new"))


def test_abstract_names_of_the_host(host):
    """Nobody inside has such a name; who takes it has it inside."""
    name = b"\0procession-test-%d-" % os.getpid()

    async def main(sys):
        for kind, of in ((1, b"stream"), (2, b"dgram"), (5, b"seqpacket")):
            where = address(name + of)
            fd = await sys.socket(1, kind, 0)
            await sys.print(await errno_of(sys.connect(fd, where, len(where))))
            await sys.bind(fd, where, len(where))
            other = await sys.socket(1, kind, 0)
            if kind != 2:
                await sys.listen(fd, 1)
            await sys.connect(other, where, len(where))

    assert Machine().run(main).stdout == b"ECONNREFUSED\n" * 3
    assert heard(host) == []


def test_netlink_shows_the_machines_own_network():
    """One interface, lo, whatever the host has; no group brings anything of the host's."""
    async def main(sys):
        fd = await sys.socket(16, 3, 0)
        await sys.bind(fd, struct.pack("<HHII", 16, 0, 0, 0xFFFFFFFF), 12)
        for type, size in ((18, 16), (22, 8), (26, 12)):
            await sys.write(fd, struct.pack("<IHHII", 16 + size, type, 0x301, 1, 0) + bytes(size))
            names = []
            while True:
                part = await sys.read(fd, 8192)
                (kind,) = struct.unpack_from("<H", part, 4)
                if kind == 3:
                    break
                names.append(kind)
            await sys.print(type, sorted(set(names)), part[16:])
        await sys.print(await errno_of(sys.syscall("recvfrom", fd, bytearray(10), 10, 0x40, 0, 0)))
        uevent = await sys.socket(16, 3, 15)
        await sys.bind(uevent, struct.pack("<HHII", 16, 0, 0, 1), 12)
        await sys.print(await errno_of(sys.syscall("recvfrom", uevent, bytearray(10), 10, 0x40, 0, 0)))

    result = Machine().run(main)
    nothing = repr(bytes(4))
    assert result.stdout.decode() == (
        f"18 [16] {nothing}\n22 [20] {nothing}\n26 [24] {nothing}\nEAGAIN\nEAGAIN\n"
    )


def test_descriptors_that_are_sent_are_the_programs_own():
    """What is open on the host by a number is nothing inside."""
    async def main(sys):
        a, b = await sys.socketpair()
        page = await sys.mmap()
        await sys.poke(page + 512, b"x")
        await sys.poke(page + 128, struct.pack("<QQ", page + 512, 1))
        for fd in range(3, 64):
            if fd in (a, b):
                continue
            await sys.poke(page + 256, struct.pack("<Qiii4x", 20, 1, 1, fd))
            await sys.poke(page, struct.pack("<QI4xQQQQI4x", 0, 0, page + 128, 1, page + 256, 24, 0))
            name = await errno_of(sys.sendmsg(a, page, 0x40))
            if name != "EBADF":
                await sys.print(fd, name)

    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(40)]
    try:
        assert Machine().run(main).stdout == b""
    finally:
        for fd in held:
            os.close(fd)
