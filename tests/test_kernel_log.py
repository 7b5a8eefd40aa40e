"""The kernel log from outside: what a machine says as it boots, and of a process that it kills for memory."""

import re

import pytest

from procession import KernelPanic, Machine
from procession.include.linux.printk import LOG_BUF_LEN, LogBuf, RatelimitState

MIB = 1 << 20
PAGE = 4096
PRIVATE_ANONYMOUS, NORESERVE = 0x22, 0x4000


async def hog(linux):
    while True:
        start = await linux.mmap(length=16 * PAGE, flags=PRIVATE_ANONYMOUS | NORESERVE)
        for at in range(start, start + 16 * PAGE, PAGE):
            await linux.poke(at, b"x")


async def with_a_hog(linux):
    await linux.prctl(15, "small")
    pid = await linux.fork()
    if pid == 0:
        await linux.prctl(15, "hog")
        await hog(linux)
    await linux.wait()
    return 0


def messages(machine):
    return [text for _, text in machine.printk_log]


def test_boot():
    machine = Machine(cpus=2)

    async def main(linux):
        return 0

    machine.run(main)
    lines = messages(machine)
    assert lines[0].startswith("Linux version 3.2.0 (")
    assert lines[1] == "Command line: root=rootfs ro quiet"
    assert "pid_max: default: 32768 minimum: 301" in lines
    assert "Brought up 2 CPUs" in lines
    text = machine.kernel.log.text_from(0).decode()
    assert text.startswith("<5>[    0.000000] Linux version 3.2.0 (")
    assert re.fullmatch(r"(<\d>\[ {4}\d\.\d{6}\] .*\n)+", text)


def test_report_of_a_kill():
    """In the order of 3.2: who asked, from which CPU set, how memory is used, the table of processes, the victim."""
    machine = Machine(memory=8 * MIB)
    machine.run(with_a_hog)
    lines = messages(machine)
    lines = lines[next(i for i, line in enumerate(lines) if "invoked oom-killer" in line):]
    child = re.fullmatch(r"Killed process (\d+) .*", lines[-1])[1]
    parent = int(child) - 1
    assert lines[0] == "hog invoked oom-killer: gfp_mask=0x280da, order=0, oom_adj=0, oom_score_adj=0"
    assert lines[1] == "hog cpuset=/ mems_allowed=0"
    assert lines[2] == f"Pid: {child}, comm: hog Not tainted 3.2.0 #1 SMP"
    assert lines[3:5] == ["Call Trace:", "Mem-Info:"]
    assert re.fullmatch(r"active_anon:2033 inactive_anon:0 isolated_anon:0", lines[5])
    assert " free:0 slab_reclaimable:0 slab_unreclaimable:0" in lines
    assert "2048 pages RAM" in lines
    table = lines[lines.index("[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name") + 1:]
    assert re.fullmatch(rf"\[ {{3}}{parent}\] {{5}}0 {{4}}{parent} +\d+ +\d+ {{3}}0 {{7}}0 {{13}}0 small", table[0])
    assert re.fullmatch(rf"\[ {{3}}{child}\] {{5}}0 {{4}}{child} +\d+ +\d+ {{3}}0 {{7}}0 {{13}}0 hog", table[1])
    assert re.fullmatch(rf"Out of memory: Kill process {child} \(hog\) score \d+ or sacrifice child", table[2])
    assert re.fullmatch(rf"Killed process {child} \(hog\) total-vm:\d+kB, anon-rss:\d+kB, file-rss:0kB", table[3])
    assert len(table) == 4
    assert "<3>[" in machine.kernel.log.text_from(0).decode().splitlines()[-1]


@pytest.mark.parametrize(("name", "value", "panic", "line"), [
    ("panic_on_oom", 1, "Out of memory: system-wide panic_on_oom is enabled", None),
    ("panic_on_oom", 2, "Out of memory: compulsory panic_on_oom is enabled", None),
    ("oom_kill_allocating_task", 1, None, "Out of memory (oom_kill_allocating_task): Kill process"),
    ("oom_dump_tasks", 0, None, "Out of memory: Kill process"),
])
def test_tunables(name, value, panic, line):
    async def main(linux):
        await linux.write_file(f"/proc/sys/vm/{name}", b"%d" % value)
        await with_a_hog(linux)

    machine = Machine(memory=8 * MIB)
    if panic is None:
        machine.run(main)
    else:
        with pytest.raises(KernelPanic, match=panic):
            machine.run(main)
    lines = messages(machine)
    table = "[ pid ]   uid  tgid total_vm      rss cpu oom_adj oom_score_adj name"
    assert (table in lines) == (name != "oom_dump_tasks")
    if line:
        assert any(text.startswith(line) for text in lines)
    else:
        assert lines[-1] == f"Kernel panic - not syncing: {panic}"


@pytest.mark.parametrize(("key", "status"), [("e", 15), ("i", 9), ("b", 0), ("o", 0)])
def test_sysrq_that_ends_it_all(key, status):
    """SIGTERM is forced upon who ignores it, and is outside of the session; the machine can be stopped at once."""
    async def main(linux):
        await linux.signal(15, linux.SIG_IGN)
        if await linux.fork() == 0:
            await linux.setsid()
            await linux.pause()
        await linux.write_file("/proc/sysrq-trigger", key.encode())
        await linux.sleep(1)
        return 3

    machine = Machine()
    result = machine.run(main)
    assert (result.status, machine.clock.now_ns < 10**9) == (status, True)


@pytest.mark.parametrize("cpus", [1, 2, 3])
def test_sysrq_asks_the_other_cpus(cpus):
    """Each that is not idle says what has interrupted it; a machine of one CPU does not know the key."""
    async def main(linux):
        if await linux.fork() == 0:
            for _ in range(2000):
                await linux.getppid()
            await linux.exit(0)
        await linux.sleep(0.0005)
        await linux.write_file("/proc/sysrq-trigger", b"l")
        await linux.sleep(0.0005)
        await linux.write_file("/proc/sysrq-trigger", b"?")

    machine = Machine(cpus=cpus)
    machine.run(main)
    lines = messages(machine)
    assert ("show-backtrace-all-active-cpus(L)" in lines[-1]) == (cpus > 1)
    if cpus > 1:
        at = lines.index("SysRq : Show backtrace of all active CPUs")
        assert re.fullmatch(r"CPU[0-2]:", lines[at + 1])
        assert lines[at + 2] == "Call Trace:"
        assert re.fullmatch(r" \[<[0-9a-f]{16}>\] showacpu\+0x0/0x10", lines[at + 3])
        assert sum(line.startswith("CPU") for line in lines[at:]) == 1


def test_sysrq_crash():
    async def main(linux):
        await linux.write_file("/proc/sysrq-trigger", b"c")

    machine = Machine()
    with pytest.raises(KernelPanic, match="Fatal exception"):
        machine.run(main)
    lines = messages(machine)
    at = lines.index("SysRq : Trigger a crash")
    assert lines[at + 1:] == [
        "BUG: unable to handle kernel NULL pointer dereference at           (null)", "Oops: 0002 [#1] SMP ", "CPU 0 ",
        "Pid: 17, comm: main Not tainted 3.2.0 #1 SMP", "Call Trace:", "Kernel panic - not syncing: Fatal exception",
    ]


def test_messages_can_be_slow():
    """printk_delay: each takes so many milliseconds."""
    async def main(linux):
        await linux.write_file("/proc/sys/kernel/printk_delay", b"250")
        for _ in range(3):
            await linux.write_file("/dev/kmsg", b"x")
        with pytest.raises(OSError, match="Invalid"):
            await linux.write_file("/proc/sys/kernel/printk_delay", b"10001")

    machine = Machine()
    machine.run(main)
    assert 750 * 10**6 < machine.clock.now_ns < 800 * 10**6


def test_a_panic_while_the_program_is_pid_1():
    """Only its own end is the end of the run: when it takes all memory, that is a panic as always."""
    machine = Machine(memory=8 * MIB)
    with pytest.raises(KernelPanic, match="Out of memory and no killable processes"):
        machine.run(hog, as_init=True)
    assert messages(machine)[-1] == "Kernel panic - not syncing: Out of memory and no killable processes..."


def test_what_a_guest_writes_takes_no_room_without_end():
    async def main(linux):
        fd = await linux.open("/dev/kmsg", linux.O_WRONLY)
        for _ in range(25_000):
            await linux.write(fd, b"0123456789\n")
        return 0

    machine = Machine()
    machine.run(main)
    assert len(machine.printk_log) <= 20_000
    assert len(machine.kernel.log.log_buf) == LOG_BUF_LEN
    assert machine.printk_log[-1][1] == "0123456789"


def test_readers_of_what_was_overwritten_skip_ahead():
    log = LogBuf()
    log.vprintk(0, b"first\n")
    for _ in range(LOG_BUF_LEN // 100 + 1):
        log.vprintk(0, b"x" * 99 + b"\n")
    assert log.log_start == log.cleared == log.log_end - LOG_BUF_LEN
    assert len(log.text_from(0)) == LOG_BUF_LEN


def test_ratelimit():
    """Ten in five seconds; the first message behind that says how many were lost; no interval is no limit."""
    state = RatelimitState()
    assert [state.ratelimit(t, 5, 2) for t in (0, 1, 2, 3)] == [(True, 0), (True, 0), (False, 0), (False, 0)]
    assert state.ratelimit(5, 5, 2) == (False, 0)
    assert state.ratelimit(6, 5, 2) == (True, 3)
    assert state.ratelimit(6, 0, 2) == (True, 0)
    assert RatelimitState().ratelimit(0, 5, 0) == (False, 0)


def test_a_plain_line_is_written_as_any_other():
    """What is quick for most messages comes to the same as what all could go through."""
    texts = ["", "plain", "<3>not a level", "trailing ", "tab\tin it", "two\nlines", "nul\0here", "Käse", "\udc80"]
    texts += ["x" * 2000, "y" * 999]
    for level in ("<0>", "<4>", "<6>", "<c>", "<d>", ""):
        quick, slow = Machine().kernel, Machine().kernel
        quick.clock.now_ns = slow.clock.now_ns = 12_345_678_901
        for text in texts:
            quick.printk(text, level)
            slow.vprintk(f"{level}{text}\n".encode(errors="surrogateescape"))
        assert bytes(quick.log.log_buf) == bytes(slow.log.log_buf)
        assert (quick.printk_log, quick.log.log_end) == (slow.printk_log, slow.log.log_end)
