"""machine.ps(): the processes as psutil tells of them. And what Result says of how a program ended."""

import subprocess

import pytest

from procession import Machine, ProgramFailed, Sig
from procession.tools.ps import ProcessTable, process_table
from procession.tools.replay import Replay
from procession.tools.tracefile import TraceWriter


async def child(linux):
    await linux.set_name("child")
    await linux.setsid()
    await linux.setresuid(7, 7, 7)
    await linux.pause()


async def main(linux):
    stopped = await linux.clone(child)
    ended = await linux.fork()
    if ended == 0:
        await linux.exit(3)
    reader, _writer = await linux.pipe()
    await linux.dup2(reader, 9)
    await linux.poke(await linux.mmap(), b"x")
    await linux.sleep(1)
    await linux.kill(stopped, linux.SIGSTOP)
    await linux.sleep(1)
    await linux.kill(stopped, linux.SIGKILL)
    await linux.wait()
    await linux.wait()


def test_what_it_says():
    tables = []
    machine = Machine(boot_time_ns=1_000_000_000_000)
    assert machine.ps() == ()
    machine.trace.subscribe(lambda _event: tables.append(machine.ps()), "hrtimer_expire")
    machine.run(main, "an argument")
    init, kthreadd, first, stopped, zombie = tables[-1]
    assert (init.pid, init.ppid, init.name, init.status, init.num_fds) == (1, 0, "init", "sleeping", 3)
    assert (kthreadd.pid, kthreadd.vms, kthreadd.num_fds, kthreadd.cmdline) == (2, 0, 0, ())
    assert (first.pid, first.ppid, first.pgid, first.sid, first.uid) == (17, 1, 1, 1, 0)
    assert (first.vms, first.rss, first.num_threads, first.num_fds) == (4096, 4096, 1, 6)
    assert first.cmdline == ("/bin/main", "an argument")
    assert 1_000_000_000_000 < first.create_time_ns < 1_000_001_000_000
    assert 0 < first.cpu_time_ns < 1_000_000
    assert (stopped.name, stopped.status, stopped.uid, stopped.pgid, stopped.sid) == ("child", "stopped", 7, 18, 18)
    assert (zombie.status, zombie.ppid, zombie.vms, zombie.cmdline) == ("zombie", 17, 0, ())
    lines = str(tables[-1]).splitlines()
    assert lines[0] == "PID PPID PGID SID UID THR FDS VMS RSS      CPU STATUS   NAME     CMDLINE"
    assert lines[3].endswith("sleeping main     /bin/main an argument")
    assert [process.pid for process in machine.ps()] == [1, 2]


def test_a_program_of_the_host_and_its_threads():
    machine = Machine(root="/")
    tables = []
    machine.trace.subscribe(lambda _event: tables.append(machine.ps()), "sched_process_exec")
    result = machine.run(["/bin/sh", "-c", "/bin/true 'a b' c; exit 0"])
    assert result.exit_code == 0
    assert ("/bin/true", "a b", "c") in [process.cmdline for table in tables for process in table]


def test_of_a_replay_that_stands_still(tmp_path):
    path = tmp_path / "trace"
    machine = Machine()
    with path.open("w") as file:
        TraceWriter(machine, file)
        machine.run(main)
    with Replay(path, program=main) as replay:
        replay.until("sched_process_exit:pid=19")
        table = process_table(replay.kernel)
        assert type(table) is ProcessTable
        assert [process.pid for process in table] == [1, 2, 17, 18, 19]


# Result.


def test_lines():
    async def main(linux):
        await linux.print("a\x0cb", "", "c", sep="\n")

    assert Machine().run(main).lines == ["a\x0cb", "", "c"]

    async def silent(linux):
        pass

    assert Machine().run(silent).lines == []


def test_check():
    async def fails(linux):
        for number in range(20):
            await linux.print("line", number, fd=2)
        return 3

    async def killed(linux):
        await linux.kill(await linux.getpid(), Sig.SIGKILL)

    async def good(linux):
        await linux.print("fine")

    assert Machine().run(good).check().lines == ["fine"]
    with pytest.raises(subprocess.CalledProcessError) as raised:
        Machine().run(fails, "an argument").check()
    error = raised.value
    assert type(error) is ProgramFailed
    assert (error.returncode, error.cmd) == (3, ["/bin/fails", "an argument"])
    lines = str(error).splitlines()
    assert lines[0] == "Command '['/bin/fails', 'an argument']' returned non-zero exit status 3."
    assert lines[1:] == ["…", *(f"line {number}" for number in range(10, 20))]
    with pytest.raises(ProgramFailed, match="died with <Signals") as raised:
        Machine().run(killed).check()
    assert raised.value.returncode == -9


def test_events_have_plain_numbers():
    """Whatever the program called with: a trace is compared, sorted and written."""
    async def main(linux):
        if await linux.fork() == 0:
            await linux.pause()
        await linux.kill(18, Sig.SIGKILL)
        await linux.sigaction(Sig.SIGUSR1, linux.SIG_IGN)
        await linux.waitpid(18, False)

    def kinds(value):
        return [kind for one in value for kind in kinds(one)] if type(value) is tuple else [type(value)]

    result = Machine(trace=True).run(main)
    found = {kind for event in result.trace for value in event for kind in kinds(value)}
    assert found - {int, str} == {kind for kind in found if kind.__module__.startswith("procession.arch.python")}
    assert all(type(event.sig) is int for event in result.trace if event.event.startswith("signal_"))
