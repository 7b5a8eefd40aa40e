"""The validator of internet sockets notices each kind of damage."""

import pytest

from procession import KernelBug, Machine

STREAM, DATAGRAM = 1, 2


def sends_more(sk):
    sk.wmem_queued += 1


def has_more(sk):
    sk.rmem += 1


def reads_ahead(sk):
    sk.copied_seq = sk.rcv_nxt + 1


def loses_its_port(sk):
    del sk.bind_hash.owners[sk]


@pytest.mark.parametrize(("kind", "damage", "says"), [
    (STREAM, sends_more, "sent memory of port 5000: 1, found 0"),
    (STREAM, has_more, "received memory of port 5000: 1, found 0"),
    (STREAM, reads_ahead, "places in the streams of port 5000"),
    (STREAM, loses_its_port, "a port without its owner: 5000"),
    (DATAGRAM, has_more, "received memory of a datagram socket: 1, found 0"),
])  # fmt: skip
def test_damage_is_noticed(kind, damage, says):
    machine = Machine(check=True)

    async def main(linux):
        fd = await linux.socket(linux.AF_INET, kind, 0)
        await linux.bind(fd, ("127.0.0.1", 5000))
        damage(machine.current.files.fd[fd].private_data)
        await linux.getpid()

    with pytest.raises(KernelBug, match=says):
        machine.run(main)
