"""Every object and copy that calls about internet and netlink sockets ask for is refused once: what comes of that.

climb_inet.c makes one call again and again; in the n-th, the n-th request is refused.
"""

from pathlib import Path

import pytest

from procession import Machine
from procession.tools.fault_inject import FaultSpec, Injector
from procession.tools.validate import validate_all

SOURCE = Path(__file__).parents[1] / "climb_inet.c"
TIMES = 6
def no_socket(cache, errno="ENOBUFS"):
    return [("sock_inode_cache", "ENFILE"), (cache, errno), ("filp", "ENFILE"), (None, "ok")]


ACCEPT = [("sock_inode_cache", "ENFILE"), ("filp", "ENFILE"), (None, "ok")]
NAME = ("copy_from_user", "EFAULT")
JOIN = [NAME, ("ip_mc_socklist", "ENOBUFS"), (None, "ok")]
FILTER = [("get_user", "EFAULT"), NAME, ("sk_filter", "ENOMEM"), NAME, (None, "ok")]
DATAGRAM = [NAME, ("skbuff_head_cache", "ENOBUFS"), NAME, (None, "ok")]
# Who is refused a segment waits for memory, and of a copy takes what there is; a SYN that is lost is sent again.
STREAM = [("skbuff_head_cache", "ok"), ("copy_from_user", "ok"), (None, "ok")]
CONNECT = [
    NAME, ("tcp_bind_bucket", "EADDRNOTAVAIL"), ("skbuff_head_cache", "ENOBUFS"), ("request_sock_TCP", "ok"),
    ("TCP", "ok"), (None, "ok"),
]


def run(compilers, call, kind, spec):
    """Return the lines and what was refused, everything being given back."""
    compilers.need("musl")
    header = SOURCE.parent / "programs/check.h"
    command = [*compilers.commands["musl"], f"-I{header.parent}", str(SOURCE)]
    path = str(compilers.cache.build("climb_inet", command, [SOURCE, header], compilers.versions["musl"]))
    machine = Machine(root={"/climb_inet": Path(path).read_bytes()})
    injector = Injector(machine, spec)
    result = machine.run(["/climb_inet", call, str(TIMES), kind])
    assert (result.exit_code, result.stderr) == (0, b"")
    machine.kernel.check_baseline()
    assert validate_all(machine.kernel) == []
    return result.output.splitlines(), [hit.what for hit in injector.hits]


@pytest.mark.parametrize(("call", "kind", "expected"), [
    ("socket", "tcp", no_socket("TCP")),
    ("socket", "udp6", no_socket("UDP")),
    ("socket", "raw", no_socket("RAW")),
    ("socket", "netlink", no_socket("netlink_sock", "ENOMEM")),
    ("socket", "packet", [("sock_inode_cache", "ENFILE"), (None, "EAFNOSUPPORT")]),
    ("bind", "tcp", [NAME, ("tcp_bind_bucket", "EADDRINUSE"), (None, "ok")]),
    ("bind", "tcp6", [NAME, ("tcp_bind_bucket", "EADDRINUSE"), (None, "ok")]),
    ("bind", "udp", [NAME, (None, "ok")]),
    ("listen", "tcp", [("listen_sock", "ENOMEM"), (None, "ok")]),
    ("connect", "tcp", CONNECT),
    ("connect", "tcp6", CONNECT),
    ("accept", "tcp", ACCEPT),
    ("accept4", "tcp6", ACCEPT),
    ("sendto", "tcp", STREAM),
    ("sendto", "udp", DATAGRAM),
    ("sendto", "raw6", DATAGRAM),
    ("sendto", "rawhead", [NAME, ("skbuff_head_cache", "ok"), NAME, (None, "ok")]),
    ("sendto", "netlink", [NAME, ("skbuff_head_cache", "ENOBUFS"), NAME, ("skbuff_head_cache", "ok"), (None, "ok")]),
    ("setsockopt", "udp", JOIN),
    ("setsockopt", "tcp", FILTER),
])
def test_what_is_refused(compilers, call, kind, expected):
    """Nothing is left of a call that fails, and it says what 3.2's says."""
    lines, refused = run(compilers, call, kind, FaultSpec(call, 0, climb=True))
    assert len(refused) == len(expected) - 1
    assert list(zip([*refused, None], lines, strict=False)) == expected
    assert set(lines[len(refused):]) == {expected[-1][1]}


def test_a_connection_of_which_nothing_can_be_left_ends_at_once(compilers):
    """As with too many of them."""
    lines, refused = run(compilers, "close", "tcp", FaultSpec("close", 2))
    assert (lines, refused) == (["ok"] * TIMES, ["tw_sock_TCP"])
