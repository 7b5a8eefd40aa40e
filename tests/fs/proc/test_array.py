"""stat, status and statm, byte for byte."""

import re

import pytest
from tests.fs.programs import run

from procession.fs.proc import array

FIELDS = """
    pid comm state ppid pgrp session tty_nr tpgid flags minflt cminflt majflt cmajflt utime stime cutime cstime
    priority nice num_threads itrealvalue starttime vsize rss rsslim startcode endcode startstack kstkesp kstkeip
    signal blocked sigignore sigcatch wchan nswap cnswap exit_signal processor rt_priority policy blkio guest cguest
""".split()  # noqa: SIM905 -- a list of 44 strings hides the names


def parse(data):
    """Return the fields of a stat line by name."""
    text = data.decode()
    head, _, tail = text.rpartition(")")
    pid, _, comm = head.partition(" (")
    values = [pid, comm, *tail.split()]
    assert len(values) == len(FIELDS) == 44
    return dict(zip(FIELDS, values, strict=True))


@pytest.mark.parametrize(("mask", "bits", "expected"), [
    (1, 1, "1"), (0xF, 4, "f"), (1, 8, "01"), (0xFFFFFFFF, 32, "ffffffff"), (1, 33, "0,00000001"),
    ((1 << 64) - 1, 64, "ffffffff,ffffffff"),
])
def test_bitmap(mask, bits, expected):
    """As wide as the number of CPUs asks for, in groups of eight digits."""
    assert array.bitmap(mask, bits) == expected


@pytest.mark.parametrize(("mask", "expected"), [(0, ""), (1, "0"), (0b1011, "0-1,3"), (0b11110, "1-4")])
def test_bitmap_list(mask, expected):
    """Runs of bits become ranges."""
    assert array.bitmap_list(mask) == expected


@pytest.mark.parametrize(("state", "exit_state", "letter"), [
    (0, 0, "R"), (1, 0, "S"), (2, 0, "D"), (128 + 2, 0, "D"), (128 + 4, 0, "T"), (128 + 8, 0, "t"), (64, 16, "Z"),
    (64, 32, "X"),
])
def test_state_letter(state, exit_state, letter):
    """The highest bit of both words counts, after the mask (spec 1.2)."""
    class FakeTask:
        pass

    task = FakeTask()
    task.state, task.exit_state = state, exit_state

    assert array.get_task_state(task)[0] == letter


def test_stat_of_a_running_process():
    """44 fields: the program's own, read by itself."""
    lines = []

    async def main(sys):
        await sys.setsid()
        lines.append(await sys.read_file("/proc/self/stat"))
        lines.append(await sys.getpid())

    run(main)
    stat = parse(lines[0])

    assert int(stat["pid"]) == lines[1]
    assert stat["comm"] == "main"
    assert stat["state"] == "R"
    assert stat["ppid"] == "1"
    assert stat["pgrp"] == stat["session"] == stat["pid"]
    assert (stat["tty_nr"], stat["tpgid"]) == ("0", "-1")
    assert (stat["priority"], stat["nice"], stat["num_threads"], stat["exit_signal"]) == ("20", "0", "1", "17")
    assert stat["rsslim"] == str((1 << 64) - 1)


def test_stat_of_a_zombie():
    """No memory, no wait channel, but still the times and the parent."""
    lines = []

    async def main(sys):
        pid = await sys.fork()
        if pid == 0:
            return 3
        await sys.sleep(1)
        lines.append(await sys.read_file(f"/proc/{pid}/stat"))
        lines.append(await sys.read_file(f"/proc/{pid}/status"))
        lines.append(await sys.read_file(f"/proc/{pid}/statm"))
        await sys.wait()
        return 0

    run(main)
    stat = parse(lines[0])

    assert (stat["state"], stat["vsize"], stat["rss"], stat["startcode"]) == ("Z", "0", "0", "0")
    assert b"State:\tZ (zombie)\n" in lines[1]
    assert b"VmPeak" not in lines[1]
    assert b"FDSize:\t0\n" in lines[1]
    assert lines[2] == b"0 0 0 0 0 0 0\n"


def test_status_has_these_lines():
    """In this order (spec 18.2)."""
    lines = []

    async def main(sys):
        await sys.setgroups([7, 8])
        await sys.set_name("a\\b\nc")
        await sys.signal(sys.SIGHUP, sys.SIG_IGN)
        await sys.sigprocmask(sys.SIG_BLOCK, {sys.SIGUSR1, 64})
        lines.append(await sys.read_file("/proc/self/status"))

    run(main)
    text = lines[0].decode()
    names = [line.partition(":")[0] for line in text.splitlines()]

    assert names == """
        Name State Tgid Pid PPid TracerPid Uid Gid FDSize Groups VmPeak VmSize VmLck VmPin VmHWM VmRSS VmData VmStk
        VmExe VmLib VmPTE VmSwap Threads SigQ SigPnd ShdPnd SigBlk SigIgn SigCgt CapInh CapPrm CapEff CapBnd
        Cpus_allowed Cpus_allowed_list Mems_allowed Mems_allowed_list voluntary_ctxt_switches
        nonvoluntary_ctxt_switches
    """.split()  # noqa: SIM905
    assert text.startswith("Name:\ta\\\\b\\nc\nState:\tR (running)\n")
    assert "Groups:\t7 8 \n" in text
    assert "SigBlk:\t8000000000000200\nSigIgn:\t0000000000000001\n" in text
    assert re.search(r"\nVmPeak:\t +\d+ kB\n", text)
    assert "CapPrm:\tffffffffffffffff\n" in text


def test_comm_is_not_escaped_in_stat():
    """Parentheses and spaces stand there as they are."""
    lines = []

    async def main(sys):
        await sys.set_name("a) R (b")
        lines.append(await sys.read_file("/proc/self/stat"))

    run(main)

    assert b" (a) R (b) R 1 " in lines[0]


def test_a_thread_has_its_own_stat():
    """The leader's line is about the process, the thread's about itself alone."""
    lines = []

    async def main(sys):
        async def thread(sys):
            await sys.set_name("worker")
            await sys.pause()

        tid = await sys.clone(thread, flags=sys.CLONE_VM | sys.CLONE_SIGHAND | sys.CLONE_THREAD)
        await sys.sleep(1)
        lines.append(await sys.read_file("/proc/self/stat"))
        lines.append(await sys.read_file(f"/proc/self/task/{tid}/stat"))
        lines.append(await sys.listdir("/proc/self/task"))
        lines.append(str(tid) in await sys.listdir("/proc"))
        lines.append(await sys.read_file(f"/proc/{tid}/comm"))
        lines.append((await sys.stat("/proc/self/task")).st_nlink)
        await sys.exit_group(0)

    run(main)
    leader, thread = parse(lines[0]), parse(lines[1])

    assert (leader["comm"], leader["num_threads"], leader["wchan"]) == ("main", "2", str((1 << 64) - 1))
    assert (thread["comm"], thread["num_threads"], thread["state"]) == ("worker", "2", "S")
    assert thread["exit_signal"] == "-1"
    assert lines[2] == [leader["pid"], thread["pid"]]
    assert lines[3] is False
    assert lines[4] == b"worker\n"
    assert lines[5] == 4
