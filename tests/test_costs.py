"""What a program sees of the kernel's work by the clock inside: bench/costs.c measures itself, Python programs do too.

What a host takes for the same is another question, which `python -m bench.costs` answers.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from procession import Machine
from procession.hw import costs
from procession.include.linux.pid import BITS_PER_PAGE
from procession.include.linux.sched import CLONE_SIGHAND, CLONE_THREAD, CLONE_VM
from procession.kernel import pid

SOURCE = Path(__file__).parent.parent / "bench" / "costs.c"


@pytest.fixture(scope="module")
def seen(compilers):
    """What costs.c prints inside."""
    compilers.need("musl")
    command = [*compilers.commands["musl"], str(SOURCE)]
    program = compilers.cache.build("costs", command, [SOURCE], compilers.versions["musl"])
    result = Machine(root="/").run([str(program), "1"])
    assert result.status == 0, result.stderr
    return {name: float(ns) for name, ns in map(str.split, result.stdout.decode().splitlines())}


def near(ns):
    """What a loop of a few instructions adds."""
    return pytest.approx(ns, rel=0.06, abs=5)


def test_fork_grows_with_the_pages_that_were_touched(seen):
    """Each has an entry to be copied, and a page of tables holds 512 of them."""
    table = (costs.TABLE_NS + costs.PAGE_CLEAR_NS) / 512
    assert seen["fork_page"] == near(costs.PTE_COPY_NS + table)
    assert seen["fork"] < seen["fork_200"] < seen["fork_2000"] < seen["fork_20000"]
    assert seen["fork_20000"] > 20 * seen["fork"]


def test_fork_grows_with_areas(seen):
    """Touched or not."""
    assert seen["fork_area"] == near(costs.AREA_NS)


def test_vfork_grows_with_nothing(seen):
    """It is cheap for a large process and a small one alike."""
    assert seen["vfork_20000"] == seen["vfork_exit_wait"]
    assert seen["vfork_exit_wait"] < seen["fork_exit_wait"] / 2


def test_a_thread_is_cheaper_than_a_process(seen):
    """No memory is copied; exec is dearer than either."""
    assert seen["thread"] < seen["fork_exit_wait"] < seen["fork_exec_exit_wait"]


def test_exit_and_munmap_grow_with_pages(seen):
    """What has been touched has to be given back."""
    assert seen["exit_page"] == near(costs.PTE_ZAP_NS)
    assert seen["unmap_page"] == near(costs.PTE_ZAP_NS)


def test_a_fault_costs_what_it_makes(seen):
    """Nothing, a page of zeroes, a copy, a page of tables as well."""
    assert seen["fault_read"] == near(costs.FAULT_NS)
    assert seen["fault_write"] == near(costs.FAULT_NS + costs.PAGE_CLEAR_NS)
    assert seen["fault_cow"] == near(costs.FAULT_NS + costs.PAGE_COPY_NS)
    table = costs.TABLE_NS + costs.PAGE_CLEAR_NS
    assert seen["fault_table"] == near(costs.FAULT_NS + costs.PAGE_CLEAR_NS + table)


def test_areas(seen):
    """Made and taken away by mmap and munmap, cut out of a larger one by mprotect."""
    assert seen["mmap_munmap"] == near(2 * costs.TRAP_NS + costs.AREA_NS + costs.AREA_FREE_NS)
    assert seen["area"] == near(costs.TRAP_NS + 2 * costs.AREA_NS)


def test_wait_looks_at_one_child_after_the_other(seen):
    """Until it finds the one that it is for."""
    assert seen["wait_look"] == near(costs.WAIT_CHILD_NS)


def test_bytes(seen):
    """In and out of a pipe and a socket, out of the page cache."""
    assert seen["pipe_kib"] == near(2 * costs.COPY_KIB_NS)
    # 65,536 bytes are five messages of 16,000 at most.
    assert seen["socket_kib"] == near(2 * costs.COPY_KIB_NS + 4 * costs.SKB_NS / 64)
    assert seen["read_kib"] == near(costs.COPY_KIB_NS)


def test_switches(seen):
    """There and back, with two reads and two writes; another process has other page tables."""
    assert seen["switch_task"] == near(4 * costs.TRAP_NS + 2 * costs.SWITCH_NS)
    assert seen["switch_mm"] - seen["switch_task"] == near(2 * costs.SWITCH_MM_NS)


def test_signals(seen):
    """A handler is entered and left; a queued signal is an object; a group has members."""
    frames = costs.SIGFRAME_NS + costs.SIGRETURN_NS
    assert seen["signal"] == pytest.approx(2 * costs.TRAP_NS + frames + costs.OBJECT_NS, rel=0.1)
    assert seen["sigqueue"] == pytest.approx(costs.TRAP_NS + costs.OBJECT_NS, rel=0.1)
    assert seen["kill_member"] == near(costs.SIGNAL_TASK_NS)


def test_a_listing_of_proc_grows_with_processes(seen):
    """By an entry for each, and its bytes."""
    assert costs.DIRENT_NS <= seen["proc_entry"] < 1.2 * costs.DIRENT_NS


def took(machine, before):
    return machine.clock.now_ns - before


@pytest.mark.parametrize("zombies", [1, 1000])
def test_a_python_program_waits_among_zombies(zombies):
    """Its calls are the same kernel's."""
    costs_seen = []

    async def main(linux):
        for _ in range(zombies):
            await linux.clone(dies)
        last = await linux.clone(dies)
        await linux.sleep(1)
        before = machine.clock.now_ns
        await linux.waitpid(last)
        costs_seen.append(took(machine, before))

    async def dies(linux):
        return 0

    machine = Machine()
    machine.run(main)
    assert costs_seen == [costs.TRAP_NS + (zombies + 1) * costs.WAIT_CHILD_NS]


def test_a_python_program_moves_bytes():
    """As many as it likes."""
    costs_seen = []

    async def main(linux):
        r, w = await linux.pipe()
        for size in (1, 16384):
            before = machine.clock.now_ns
            await linux.write(w, bytes(size))
            await linux.read(r, size)
            costs_seen.append(took(machine, before))

    machine = Machine()
    machine.run(main)
    assert costs_seen == [2 * costs.TRAP_NS, 2 * costs.TRAP_NS + 2 * 16 * costs.COPY_KIB_NS]


def test_the_end_of_a_process_grows_with_its_threads():
    """SIGKILL goes to each."""
    costs_seen = []

    async def main(linux):
        for threads in (0, 100):
            child = await linux.clone(leader, threads)
            await linux.sleep(1)
            before = machine.clock.now_ns
            await linux.kill(child, linux.SIGKILL)
            costs_seen.append(took(machine, before))
            await linux.waitpid(child)

    async def leader(linux, threads):
        for _ in range(threads):
            await linux.clone(sleeps, flags=CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
        await linux.pause()

    async def sleeps(linux):
        await linux.pause()

    machine = Machine()
    machine.run(main)
    assert costs_seen[1] - costs_seen[0] == 100 * costs.SIGNAL_TASK_NS


def test_a_full_bitmap_is_looked_through():
    """64 numbers at a time, from the last one given out."""
    costs_seen = []

    async def main(linux):
        k = machine.kernel
        ns = k.init_pid_ns
        page = ns.pidmap[0].page
        saved, last, nr_free = bytes(page), ns.last_pid, ns.pidmap[0].nr_free
        for free in (last + 1, BITS_PER_PAGE - 1):
            page[:] = b"\xff" * len(page)
            page[free >> 3] &= ~(1 << (free & 7))
            ns.last_pid = last
            before = machine.clock.now_ns
            assert pid.alloc_pidmap(k, ns) == free
            costs_seen.append(took(machine, before))
            page[:] = saved
        ns.last_pid, ns.pidmap[0].nr_free = last, nr_free

    machine = Machine()
    machine.run(main)
    assert costs_seen[0] == 0
    assert costs_seen[1] == (BITS_PER_PAGE // 64 - 1) * costs.BITMAP_WORD_NS


def test_every_cost_has_a_line_that_says_what_it_is():
    """In the table, and so in docs/time.md."""
    names = [name for name in vars(costs) if name.isupper()]
    lines = Path(costs.__file__).read_text(encoding="utf-8").splitlines() if costs.__file__.endswith(".py") else []
    for name in names if lines else []:
        (line,) = (line for line in lines if line.startswith(f"{name}: Final = "))
        assert "  # " in line
