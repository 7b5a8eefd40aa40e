"""What POSIX queues and I/O priorities ask for is refused once: the caller is told, and nothing is left behind."""

from __future__ import annotations

import struct

import pytest

from procession import Machine
from procession.tools.fault_inject import every_failure

ATTR = struct.pack("<8q", 0, 2, 5000, 0, 0, 0, 0, 0)
BY_SIGNAL = struct.pack("<Qii48x", 0, 0, 1)
BEST_EFFORT = 2 << 13 | 3


async def everything(linux):
    """Make each call once; what fails is printed."""
    buffer = bytearray(5000)

    async def attempt(name, call):
        try:
            return await call
        except OSError as error:
            await linux.print(f"{name}: {error.strerror}")
        return -1

    await linux.unshare(linux.CLONE_NEWIPC)
    q = await attempt("mq_open", linux.mq_open("queue", linux.O_CREAT | linux.O_RDWR | linux.O_NONBLOCK, 0o600, ATTR))
    if q < 0:
        return
    await attempt("mq_notify", linux.mq_notify(q, BY_SIGNAL))
    await attempt("mq_timedsend", linux.mq_timedsend(q, bytes(5000), 5000, 3, 0))
    await attempt("mq_timedreceive", linux.mq_timedreceive(q, buffer, 5000, bytearray(4), 0))
    await attempt("mq_getsetattr", linux.mq_getsetattr(q, ATTR, bytearray(64)))
    await attempt("ioprio_set", linux.ioprio_set(1, 0, BEST_EFFORT))
    await attempt("mq_unlink", linux.mq_unlink("queue"))


@pytest.mark.parametrize(("call", "expected"), [
    ("mq_open", ["EFAULT", "EFAULT", "ENOMEM", "ENFILE"]),
    ("mq_notify", ["EFAULT"]),
    ("mq_timedsend", ["ENOMEM", "EFAULT", "ENOMEM", "EFAULT"]),
    ("mq_timedreceive", ["EFAULT", "EFAULT"]),
    ("mq_getsetattr", ["EFAULT", "EFAULT"]),
    ("ioprio_set", ["ENOMEM"]),
    ("mq_unlink", ["EFAULT"]),
])
def test_what_is_refused_is_told_and_leaves_nothing(call, expected):
    words = {
        "EFAULT": "Bad address", "ENOMEM": "Cannot allocate memory", "ENFILE": "Too many open files in system",
    }
    failures = every_failure(lambda: Machine(check=True), everything, call)
    outputs = [result.stdout.decode().splitlines() for _, result in failures]

    assert [lines[0] for lines in outputs] == [f"{call}: {words[errno]}" for errno in expected]


def test_a_queue_that_a_program_leaves_goes_with_the_machine():
    async def leave(linux):
        await linux.mq_open("left", linux.O_CREAT | linux.O_RDWR, 0o600, 0)

    machine = Machine(check=True)
    machine.run(leave)

    machine.check_baseline()
    assert machine.kernel.users.root_user.mq_bytes == 0
