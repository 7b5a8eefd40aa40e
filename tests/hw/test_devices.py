"""Clock, console, memory."""

import os

import pytest

from procession.hw.clock import NEVER, Clock
from procession.hw.console import BufferConsole, HostConsole
from procession.hw.memory import Frames


def test_clock_moves_only_when_told():
    clock = Clock()
    assert (clock.now_ns, clock.next_event_ns) == (0, NEVER)
    clock.advance(100)
    clock.idle_until(50)
    assert clock.now_ns == 100
    clock.idle_until(1000)
    clock.sync()
    assert clock.now_ns == 1000


def test_each_cpu_has_its_own_time():
    clock = Clock()
    clock.advance(100)
    clock.switch_cpu(0, 1)
    assert clock.now_ns == 0
    clock.advance(7)
    clock.switch_cpu(1, 0)
    assert clock.now_ns == 100
    assert clock.cpu_ns == [100, 7]


def test_realtime_clock_sleeps():
    clock = Clock(realtime=True)
    clock.idle_until(20_000_000)
    assert clock.host.now_ns() >= 20_000_000
    assert clock.now_ns >= 20_000_000


def test_buffer_console():
    console = BufferConsole(b"hello")
    assert console.wait(None)
    assert [console.read(3), console.read(3), console.read(3)] == [b"hel", b"lo", b""]
    console.write(1, b"out")
    console.write(2, b"err")
    console.write(1, b"!")
    assert (console.stdout, console.stderr) == (b"out!", b"err")


def test_host_console():
    in_r, in_w = os.pipe()
    out_r, out_w = os.pipe()
    try:
        console = HostConsole(in_r, out_w, out_w)
        assert console.read(10) is None
        assert not console.wait(0)
        os.write(in_w, b"abc")
        assert console.wait(None)
        assert console.read(10) == b"abc"
        os.close(in_w)
        assert console.read(10) == b""
        console.write(1, b"x")
        console.write(2, b"y")
        assert os.read(out_r, 10) == b"xy"
        assert (console.stdout, console.stderr) == (b"", b"")
        os.close(out_r)
        out_r = -1
        with pytest.raises(BrokenPipeError):
            console.write(1, b"x")
    finally:
        for fd in (in_r, out_r, out_w):
            if fd >= 0:
                os.close(fd)


def test_frames_are_one_memory_seen_in_several_ways():
    frames = Frames(1 << 20)
    assert frames.nr_pages == 256
    frames.q[512] = 0x1122334455667788
    assert bytes(frames.phys[4096:4104]) == bytes.fromhex("8877665544332211")
    assert frames.arrays_for(10) is None
    arrays = frames.arrays()
    assert frames.arrays_for(10) is arrays
    assert int(arrays.q[512]) == 0x1122334455667788
    arrays.count[3] = 5
    assert frames.count[3] == 5


def test_numpy_comes_in_when_it_pays():
    frames = Frames(1 << 20)
    assert frames.arrays_for(300_000) is None
    assert frames.arrays_for(300_000) is frames.arrays()
