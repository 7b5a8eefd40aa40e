"""Facts of 3.2 that a newer host cannot show or may not be asked for, told by Python programs."""

from __future__ import annotations

from itertools import pairwise
import json

import pytest

from procession import Machine
from procession.include.linux.bug import KernelPanic
from procession.kernel.entry import Deadlock


def run(main, **options):
    """Run a program that prints JSON lines; returns them."""
    kernel = Machine(memory=64 << 20, **options)
    result = kernel.run(main)
    assert result.stderr == b"", result.stderr.decode()
    assert result.status == 0, result.output
    kernel.check_baseline()
    return [json.loads(line) for line in result.stdout.splitlines()]


STATUS_LINES = """
Name State Tgid Pid PPid TracerPid Uid Gid FDSize Groups VmPeak VmSize VmLck VmPin VmHWM VmRSS
VmData VmStk VmExe VmLib VmPTE VmSwap Threads SigQ SigPnd ShdPnd SigBlk SigIgn SigCgt CapInh CapPrm
CapEff CapBnd Cpus_allowed Cpus_allowed_list voluntary_ctxt_switches nonvoluntary_ctxt_switches
"""


async def tell(sys, fact):
    await sys.print(json.dumps(fact))


async def sysctl(sys, name, value):
    fd = await sys.open(f"/proc/sys/kernel/{name}", sys.O_WRONLY)
    await sys.write(fd, f"{value}\n")
    await sys.close(fd)


# PIDs.


def test_numbers_wrap_to_300():
    """After pid_max - 1 comes the first free number from 300 on, not 1."""

    async def main(sys):
        await sysctl(sys, "pid_max", 310)
        pids = []
        while len(pids) < 320:
            pid = await sys.fork()
            if pid == 0:
                await sys.exit(0)
            await sys.waitpid(pid)
            pids.append(pid)
        await tell(sys, pids[-20:])

    (pids,) = run(main)
    assert set(pids) == set(range(300, 310))
    assert all(b == a + 1 or (a, b) == (309, 300) for a, b in pairwise(pids))


def test_a_group_keeps_its_number():
    """The number of a dead group leader is not handed out while the group has members."""

    async def main(sys):
        await sysctl(sys, "pid_max", 305)
        while True:  # get to the numbers that are used in turn
            pid = await sys.fork()
            if pid == 0:
                await sys.exit(0)
            await sys.waitpid(pid)
            if pid == 304:
                break
        leader = await sys.fork()
        if leader == 0:
            await sys.setpgid()
            if await sys.fork() == 0:
                await sys.pause()
            await sys.exit(0)
        await sys.waitpid(leader)
        seen = set()
        for _ in range(20):
            pid = await sys.fork()
            if pid == 0:
                await sys.exit(0)
            await sys.waitpid(pid)
            seen.add(pid)
        await tell(sys, [leader, sorted(seen)])
        await sys.kill(-leader, sys.SIGKILL)

    ((leader, seen),) = run(main)
    assert leader == 300
    assert seen == [302, 303, 304]  # 301 is the member


def test_running_out_of_numbers_is_enomem():
    """A fork without a free PID says ENOMEM, not EAGAIN."""

    async def main(sys):
        await sysctl(sys, "pid_max", 301)
        made = 0
        try:
            while True:
                if await sys.fork() == 0:
                    await sys.pause()
                made += 1
        except OSError as error:
            await tell(sys, [made > 250, error.strerror])
        await sys.kill(-1, sys.SIGKILL)

    assert run(main) == [[True, "Cannot allocate memory"]]


def test_too_many_tasks_is_eagain():
    """threads-max holds for root too."""

    async def main(sys):
        await sysctl(sys, "threads-max", 30)
        made = []
        try:
            while True:
                pid = await sys.fork()
                if pid == 0:
                    await sys.pause()
                made.append(pid)
        except BlockingIOError:
            await tell(sys, 20 < len(made) < 30)
        for pid in made:
            await sys.kill(pid, sys.SIGKILL)
            await sys.waitpid(pid)

    assert run(main) == [True]


# clone.


@pytest.mark.parametrize("flags", [0x1000, 0x02000000, 0x00400000])
def test_unknown_clone_flags_are_ignored(flags):
    """Bits that later got a meaning had none."""

    async def main(sys):
        pid = await sys.fork()  # a child in which a wrong answer does no harm
        if pid == 0:
            child = await sys.syscall("clone", flags | sys.SIGCHLD, 0, 0, 0, 0)
            if child == 0:
                await sys.exit(5)
            _, status = await sys.waitpid(child)
            await tell(sys, status)
            await sys.exit(0)
        await sys.waitpid(pid)

    assert run(main) == [0x500]


def test_any_exit_signal_will_do():
    """A number that is no signal is never sent, and makes the child one for WCLONE."""

    async def main(sys):
        child = await sys.syscall("clone", 200, 0, 0, 0, 0)
        if child == 0:
            await sys.exit(1)
        await sys.nanosleep(1_000_000)
        try:
            await sys.waitpid(child)
        except ChildProcessError:
            await tell(sys, list(await sys.waitpid(child, sys.WCLONE))[1])

    assert run(main) == [0x100]


# /proc.


def test_stat_has_44_fields():
    """The rest came with 3.3 and later."""

    async def main(sys):
        text = (await sys.read_file("/proc/self/stat")).decode()
        await tell(sys, [len(text.rpartition(")")[2].split()) + 2, text.endswith("\n")])

    assert run(main) == [[44, True]]


def test_status_has_the_lines_of_3_2_in_their_order():
    """VmPin is there; Seccomp, NSpid and NoNewPrivs are not."""

    async def main(sys):
        text = (await sys.read_file("/proc/self/status")).decode()
        await tell(sys, [line.split(":")[0] for line in text.splitlines()])

    (lines,) = run(main)
    assert [line for line in lines if not line.startswith("Mems_")] == STATUS_LINES.split()


def test_there_is_no_list_of_children():
    """/proc/PID/task/TID/children came with 3.5."""

    async def main(sys):
        names = await sys.listdir("/proc/self/task/" + str(await sys.gettid()))
        await tell(sys, ["children" in names, sorted(await sys.listdir("/proc/self/ns"))])

    assert run(main) == [[False, ["ipc", "net", "uts"]]]


def test_kernel_threads_are_tasks():
    """kthreadd is PID 2, a child of nobody, and takes no signals."""

    async def main(sys):
        async def stat(pid):
            text = (await sys.read_file(f"/proc/{pid}/stat")).decode()
            return text[text.index("(") : text.rindex(")") + 1], *text.rpartition(")")[2].split()[:4]

        before = await stat(2)
        await sys.kill(2, sys.SIGKILL)
        await sys.kill(2, sys.SIGSTOP)
        await sys.nanosleep(1_000_000)
        await tell(
            sys,
            [before, await stat(2) == before, (await sys.read_file("/proc/2/cmdline")).decode(), (await stat(1))[2:]],
        )

    ((before, same, cmdline, init),) = run(main)
    assert before == ["(kthreadd)", "S", "0", "0", "0"]
    assert same
    assert cmdline == ""
    assert init[0] == "0"


# Process 1.


def test_a_program_can_be_process_1():
    """Orphans come to it; signals it does not handle are lost, SIGKILL too."""

    async def main(sys):
        await tell(sys, [await sys.getpid(), await sys.getppid()])
        for sig in (sys.SIGTERM, sys.SIGKILL, sys.SIGSTOP, sys.SIGSEGV):
            await sys.kill(1, sig)
        child = await sys.fork()
        if child == 0:
            if await sys.fork() == 0:
                await sys.nanosleep(1_000_000)
                await sys.exit(await sys.getppid())
            await sys.exit(0)
        await sys.waitpid(child)
        orphan, status = await sys.wait()
        await tell(sys, [orphan > child, sys.WEXITSTATUS(status)])

    kernel = Machine(memory=64 << 20)
    try:
        result = kernel.run(main, as_init=True)
        output = result.stdout
    except KernelPanic:
        output = kernel.console.stdout
    assert [json.loads(line) for line in output.splitlines()] == [[1, 0], [True, 1]]


def test_a_system_that_can_never_go_on_says_so():
    """All tasks asleep and no timer: the run ends with an explanation instead of hanging."""

    async def main(sys):
        reader, _writer = await sys.pipe()
        await sys.read(reader, 1)

    with pytest.raises(Deadlock):
        Machine(memory=64 << 20).run(main)


# exec.


def test_a_program_may_have_no_arguments():
    """argc may be 0."""

    async def child(sys):
        await tell(sys, len(sys.argv))

    async def main(sys):
        await sys.execve("/bin/child", [], {})

    assert run(main, programs={"/bin/child": child}) == [0]


# Signals.


def test_zombies_count_as_processes_of_their_user():
    """RLIMIT_NPROC counts until the parent has waited."""

    async def main(sys):
        await sys.setuid(1000)
        await sys.setrlimit(sys.RLIMIT_NPROC, (3, 3))
        pids = []
        try:
            while True:
                pid = await sys.fork()
                if pid == 0:
                    await sys.exit(0)
                pids.append(pid)
        except BlockingIOError:
            pass
        await sys.nanosleep(1_000_000)
        try:
            await sys.fork()
        except BlockingIOError:
            await tell(sys, len(pids))
        for pid in pids:
            await sys.waitpid(pid)
        if await sys.fork() == 0:
            await sys.exit(0)
        await sys.wait()

    assert run(main) == [2]


def test_a_stopped_and_continued_container_init_becomes_killable():
    """A real bug of 3.2: stopping writes signal->flags as a whole, and SIGNAL_UNKILLABLE is gone."""

    async def main(sys):
        inner = await sys.syscall("clone", sys.CLONE_NEWPID | sys.SIGCHLD, 0, 0, 0, 0)
        if inner == 0:
            await sys.nanosleep(50_000_000)
            await sys.kill(1, sys.SIGTERM)
            await sys.exit(7)
        await sys.nanosleep(1_000_000)
        await sys.kill(inner, sys.SIGSTOP)
        await sys.waitpid(inner, sys.WUNTRACED)
        await sys.kill(inner, sys.SIGCONT)
        _, status = await sys.waitpid(inner)
        await tell(sys, status)

    assert run(main) == [15]
