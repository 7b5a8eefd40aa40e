"""The time of day is set: who waits for one hears of it. What clock_step.c prints is what a 3.2.4 printed."""

from __future__ import annotations

from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("clock_step.c")
SAID = {
    "waits": [
        "PI mutex until: at the step",
        "alarm: after its time",
        "cancelled: ECANCELED",
        "condition until: at the step",
        "futex until, on the other clock: after its time",
        "mutex until: at the step",
        "semaphore until: at the step",
        "sleep for: after its time",
        "sleep until: at the step",
        "timer for: after its time",
        "timer until: at the step",
        "timerfd for: after its time",
        "timerfd that is cancelled: at the step",
        "timerfd until, by epoll: at the step",
        "timerfd until: at the step",
    ],
    "cancel": [
        "before: not ready, EAGAIN",
        "set: ready, ECANCELED",
        "again: not ready, EAGAIN",
        "still armed: 1",
        "armed anew after a step: ECANCELED",
        "then: not ready, EAGAIN",
        "without the flag: 0",
        "not cancelled: not ready, EAGAIN",
        "relative with it: 0",
        "not cancelled: not ready, EAGAIN",
        "disarmed with it: 0",
        "disarmed: ready, ECANCELED",
        "expired and cancelled: ready, ECANCELED",
        "periods go on: 0",
    ],
    "periods": [
        "a step: ready, 15",
        "back: not ready, EAGAIN",
        "left: 5100 s",
        "forth: not ready, EAGAIN",
    ],
    "far": [
        "set: 0",
        "now 0",
        "set: 0",
        "now 9223372037",
        "set: 0",
        "now 9223372036854775707",
        "set: EINVAL",
        "set: EINVAL",
        "a second of microseconds: EINVAL",
        "a user, a wrong time: EINVAL",
        "a user: EPERM",
    ],
}


@pytest.mark.parametrize("what", SAID)
@pytest.mark.parametrize("cpus", [1, 2])
def test_setting_the_clock(what, cpus, compilers, inside):
    """With glibc: musl makes a time to wait of every time of day itself."""
    compilers.need("glibc")
    command = [*compilers.commands["glibc"], str(SOURCE)]
    program = compilers.cache.build("clock_step", command, [SOURCE], compilers.versions["glibc"])
    result = inside([str(program), what], cpus=cpus)
    lines = result.output.splitlines()
    assert (sorted(lines) if what == "waits" else lines, result.exit_code) == (SAID[what], 0)
