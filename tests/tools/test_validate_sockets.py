"""The validator of local sockets: nothing to say while some are on their way through others, and what it finds."""

from __future__ import annotations

import re
import struct

import pytest

from procession import Machine
from procession.kernel import entry
from procession.net.unix.garbage import unix_get_socket
from procession.tools.validate import validate_all

pytestmark = pytest.mark.unchecked
SOL_SOCKET, SCM_RIGHTS = 1, 1


async def everything(sys):
    """A message with a socket in it, and a ring of two that nobody has any more."""
    address = await sys.mmap()
    for closing in (False, True):
        a, b = await sys.socketpair()
        for to, passed in ((b, a), (a, b)):
            control = struct.pack("<Qiii4x", 20, SOL_SOCKET, SCM_RIGHTS, passed)
            await sys.poke(address + 256, control)
            await sys.poke(address + 512, b"x")
            await sys.poke(address + 128, struct.pack("<QQ", address + 512, 1))
            await sys.poke(address, struct.pack("<QI4xQQQQI4x", 0, 0, address + 128, 1, address + 256, 24, 0))
            await sys.sendmsg(to, address, 0)
        if closing:
            await sys.close(a)
            await sys.close(b)
    await sys.pause()


@pytest.fixture
def k():
    machine = Machine()
    with pytest.raises(entry.Deadlock):
        machine.run(everything)
    assert validate_all(machine.kernel) == []
    assert machine.kernel.net.unix_tot_inflight == 4
    return machine.kernel


def one(k):
    return next(iter(k.net.gc_inflight_list))


def count_of_all(k):
    k.net.unix_tot_inflight -= 1


def list_of_all(k):
    del k.net.gc_inflight_list[one(k)]


def count_of_one(k):
    one(k).inflight += 1


def charge(k):
    one(k).wmem -= 1


def unknown(k):
    del one(k).net.unix_socket_table[one(k)]


def message_lost(k):
    queue = next(sk.receive_queue for sk in k.net.gc_inflight_list if sk.receive_queue)
    assert unix_get_socket(queue[0].scm.fp[0]) is not None
    queue.clear()


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (count_of_all, r"sockets on their way: 3, found 4"),
        (list_of_all, r"list of sockets on their way: 3, found 4"),
        (count_of_one, r"inflight of socket \d+: 2, found 1"),
        (charge, r"wmem of socket \d+: \d+, found \d+"),
        (unknown, r"socket \d+ is not known in its network"),
        (message_lost, r"sockets on their way: 4, found 3"),
    ],
)
def test_what_is_found(k, harm, complaint):
    harm(k)
    assert any(re.search(complaint, text) for text in validate_all(k)), validate_all(k)
