"""Netlink sockets without memory: who hears of it."""

import struct

from tests.fs.programs import errno_of

from procession import Machine
from procession.tools.fault_inject import FaultSpec, Injector
from procession.tools.validate import validate_all

USERSOCK, ROUTE = 2, 0
DONTWAIT = 0x40
LINKS, REQUEST, ACK, DUMP = 18, 1, 4, 0x300
ERROR, DONE = 2, 3
ENOBUFS = 105


def address(pid, groups):
    return struct.pack("<HHII", 16, 0, pid, groups)


def request(kind, flags):
    return struct.pack("<IHHII16x", 32, kind, REQUEST | flags, 7, 0)


def run(main, spec):
    machine = Machine()
    injector = Injector(machine, spec)
    result = machine.run(main)
    assert (result.exit_code, result.stderr) == (0, b"")
    machine.kernel.check_baseline()
    assert validate_all(machine.kernel) == []
    return result.output, [hit.what for hit in injector.hits]


async def received(sys, fd):
    """Return what there is to read, or why there is nothing."""
    data = bytearray(4096)
    wrong = await errno_of(sys.syscall("recvfrom", fd, data, 4096, DONTWAIT, 0, 0))
    return wrong if wrong != "none" else bytes(data).rstrip(b"\0")


def test_a_group_that_a_message_cannot_be_copied_for():
    """Nobody has it from there on, and each learns that something was lost but who does not want to know."""
    async def main(sys):
        sender = await sys.syscall("socket", 16, 3, USERSOCK)
        fds = [await sys.syscall("socket", 16, 3, USERSOCK) for _ in range(3)]
        for nr, fd in enumerate(fds):
            await sys.syscall("bind", fd, address(100 + nr, 1), 12)
        await sys.syscall("setsockopt", fds[0], 270, 5, b"\1\0\0\0", 4)
        for text in (b"lost", b"kept"):
            await sys.print(await errno_of(sys.syscall("sendto", sender, text, 4, 0, address(0, 1), 12)))
            await sys.print(*[await received(sys, fd) for fd in fds])
            await sys.print(*[await received(sys, fd) for fd in fds])

    # The first request is for the message, the second for a copy, for who joined last; there is no other copy.
    output, refused = run(main, FaultSpec("sendto", 1, ("slab",), 3))
    assert refused == ["skbuff_head_cache"]
    assert output == (
        "ECONNREFUSED\nEAGAIN ENOBUFS b'lost'\nEAGAIN EAGAIN EAGAIN\n"
        "ECONNREFUSED\nb'kept' b'kept' b'kept'\nEAGAIN EAGAIN EAGAIN\n"
    )


async def kinds(sys, fd):
    """Return the types of all messages there are, and why there are no more."""
    found = []
    while isinstance(data := await received(sys, fd), bytes):
        found.append(struct.unpack_from("<H", data, 4)[0])
    return found, data


async def left_behind(sys, fd):
    value, size = bytearray(4), bytearray(struct.pack("<i", 4))
    await sys.syscall("getsockopt", fd, 1, 4, value, size)
    return struct.unpack("<i", value)[0]


def test_an_answer_that_there_is_no_memory_for():
    """The request was sent; the next call says ENOBUFS, and poll that there is an error."""
    async def main(sys):
        fd = await sys.syscall("socket", 16, 3, ROUTE)
        for _ in range(2):
            await sys.print(await sys.syscall("sendto", fd, request(999, ACK), 32, 0, address(0, 0), 12), end=" ")
            await sys.print(await sys.poll([(fd, 1)], 0), await left_behind(sys, fd), await kinds(sys, fd))

    output, refused = run(main, FaultSpec("sendto", 1, ("slab",), 2))
    assert refused == ["skbuff_head_cache"]
    assert output == f"32 [(3, 8)] {ENOBUFS} ([], 'EAGAIN')\n32 [(3, 1)] 0 ([{ERROR}], 'EAGAIN')\n"


def test_a_dump_that_there_is_no_memory_to_go_on_with():
    """Who reads has what there is, then ENOBUFS; another is refused then, and who reads that goes on with the first."""
    async def main(sys):
        fd = await sys.syscall("socket", 16, 3, ROUTE)
        await sys.syscall("sendto", fd, request(LINKS, DUMP), 32, 0, address(0, 0), 12)
        await sys.print(await kinds(sys, fd), await kinds(sys, fd))
        await sys.syscall("sendto", fd, request(LINKS, DUMP), 32, 0, address(0, 0), 12)
        await sys.print(await kinds(sys, fd))

    output, refused = run(main, FaultSpec("recvfrom", 1, ("slab",), 1))
    assert refused == ["skbuff_head_cache"]
    assert output == f"([{LINKS - 2}], 'ENOBUFS') ([], 'EAGAIN')\n([{ERROR}, {DONE}], 'EAGAIN')\n"
