"""What is seen of the kernel's insides: which functions tasks are in, what they slept for, and the locks."""

import re

from tests.fs.programs import errno_of, run


def names(text):
    """The functions of a stack."""
    return re.findall(r"^\[<f{8}81[0-9a-f]{6}>\] (\w+)\+0x0/0x10$", text, flags=re.MULTILINE)


def test_the_chain_of_functions_of_sleepers():
    """From the one that sleeps out to the system call, whatever lies between; none for who runs in user mode."""
    async def main(sys):
        read_end, _ = await sys.pipe()

        async def reader(sys):
            await sys.read(read_end, 1)

        async def waiter(sys):
            if await sys.fork() == 0:
                await sys.pause()
            await sys.wait()

        for program in (reader, waiter):
            pid = await sys.clone(program)
            await sys.sleep(0.001)
            await sys.write(1, await sys.read_file(f"/proc/{pid}/stack") + b"|")
        await sys.write(1, await sys.read_file("/proc/self/stack"))

    reader, waiter, own = run(main).split("|")
    assert names(reader) == ["pipe_wait", "read", "sys_read", "system_call_fastpath"]
    assert names(waiter) == ["do_wait", "sys_wait4", "system_call_fastpath"]
    assert names(own) == ["sys_read", "system_call_fastpath"]
    assert own.endswith("\n[<ffffffffffffffff>] 0xffffffffffffffff\n")


def test_addresses_are_hidden_by_kptr_restrict():
    """By 1 from who has no CAP_SYSLOG, by 2 from all."""
    async def main(sys):
        for value in (b"1", b"2"):
            await sys.write_file("/proc/sys/kernel/kptr_restrict", value)
            await sys.write(1, await sys.read_file("/proc/2/stack") + b"|")

    shown, hidden, _ = run(main).split("|")
    assert names(shown)[0] == "kthreadd"
    assert re.findall(r"\[<(\w+)>\]", hidden) == ["0" * 16] * hidden.count("\n")


def test_latencytop_counts_short_sleeps_by_place():
    """Only while it is on, not those that are long and interruptible; a write forgets them."""
    async def main(sys):
        async def nap(sys):
            await sys.sleep(0.001)

        async def long_nap(sys):
            await sys.sleep(0.1)

        async def wait_for(program):
            await sys.clone(program)
            await sys.wait()

        await wait_for(nap)
        await sys.write_file("/proc/sys/kernel/latencytop", b"1")
        await wait_for(nap)
        await wait_for(nap)
        await wait_for(long_nap)
        for name in ("self/latency", "latency_stats"):
            await sys.write(1, await sys.read_file("/proc/" + name) + b"|")
            await sys.write_file("/proc/" + name, b"what?")
            await sys.write(1, await sys.read_file("/proc/" + name) + b"|")

    own, cleared, _, also_cleared, _ = run(main).split("|")
    head = r"Latency Top version : v0\.1\n"
    assert re.fullmatch(head + r"2 \d+ \d+ do_wait sys_wait4 system_call_fastpath\n", own)
    assert cleared == also_cleared == "Latency Top version : v0.1\n"


def test_lockdep_knows_what_was_taken():
    """Classes with their dependencies, the sequences, and as many of each as the statistics say."""
    async def main(sys):
        for name in ("lockdep", "lockdep_chains", "lockdep_stats"):
            await sys.write(1, await sys.read_file("/proc/" + name) + b"|")
        await sys.setuid(1000)
        await sys.print(await errno_of(sys.open("/proc/lockdep", 0)))

    classes, chains, stats, error = run(main).split("|")
    assert classes.startswith("all lock classes:\n")
    row = r"[0-9a-f]{16} OPS: *\d+ FD: *\d+ BD: *\d+ [.+?-]{6}: (\S+)\n((?: -> \[[0-9a-f]{16}\] \S+\n)*)\n"
    found = dict(re.findall(row, classes))
    assert "] sighand->siglock\n" in found["tasklist_lock"]
    counted = dict(re.findall(r"^ ([\w -]+): +(\d+)", stats, flags=re.MULTILINE))
    assert int(counted["lock-classes"]) <= len(found)
    assert int(counted["dependency chains"]) <= chains.count("irq_context: ")
    assert re.match(r" lock-classes: +\d+ \[max: 8191\]\n direct dependencies: +\d+ \[max: 16384\]\n", stats)
    assert {len(line.split(" [")[0]) for line in stats.splitlines()} == {43}
    assert error == "EACCES\n"


def test_lock_stat_counts_and_forgets():
    """Acquisitions of each class, split where there are readers; contention where there are several CPUs."""
    async def main(sys):
        async def busy(sys):
            for _ in range(30):
                if await sys.fork() == 0:
                    await sys.exit(0)
                await sys.wait()

        await sys.clone(busy)
        await busy(sys)
        await sys.write(1, await sys.read_file("/proc/lock_stat") + b"|")
        for text in (b"1", b"0"):
            await sys.write_file("/proc/lock_stat", text)
            await sys.write(1, await sys.read_file("/proc/lock_stat") + b"|")

    def taken(text, name):
        row = next(line.split(":")[1].split() for line in text.splitlines() if line.strip().startswith(name))
        return [int(row[0]), int(row[1]), int(row[6])]

    before, not_cleared, cleared, _ = run(main, cpus=2).split("|")
    lines = before.splitlines()
    assert lines[0] == "lock_stat version 0.3"
    assert lines[1] == lines[3] == "-" * 191
    assert {len(line) for line in lines[5:]} == {len(lines[2])} == {190}
    assert taken(before, "tasklist_lock-W:")[2] > 60
    assert sum(taken(before, name)[1] for name in ("tasklist_lock-W:", "rq->lock:", "alloc_lock:")) > 0
    assert taken(not_cleared, "tasklist_lock-W:")[2] >= taken(before, "tasklist_lock-W:")[2]
    assert "alloc_lock:" in before
    assert "alloc_lock:" not in cleared
