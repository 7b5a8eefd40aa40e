"""Core files: what is in them, what they are called, and that a debugger understands them."""

from __future__ import annotations

from pathlib import Path
import struct
import subprocess

import pytest
from tests.surroundings import need

from procession import Machine
from procession.include.linux.sched import PF_EXITING
from procession.kernel import fork_mm

SOURCE = Path(__file__).with_name("crash.c")
# mov eax, [0]: SIGSEGV. It is a program without a C library.
CODE = bytes.fromhex("8b042500000000")


def notes(core):
    """Return (type, data) of each note."""
    phoff, phentsize, phnum = struct.unpack_from("<32xQ14xHH", core)[0], 56, struct.unpack_from("<H", core, 56)[0]
    segments = [struct.unpack_from("<IIQQQQQQ", core, phoff + phentsize * i) for i in range(phnum)]
    kind, _, at, _, _, size, _, _ = segments[0]
    assert kind == 4
    found = []
    end = at + size
    while at < end:
        namesz, descsz, kind = struct.unpack_from("<III", core, at)
        assert core[at + 12:at + 12 + namesz] == b"CORE\0"
        found.append((kind, core[at + 20:at + 20 + descsz]))
        at += 20 + (descsz + 3 & ~3)
    return found, segments[1:]


@pytest.fixture
def crash(cache, compilers):
    """A statically linked program with debugging information that dumps core."""
    compilers.need("glibc")
    command = [*compilers.commands["glibc"], "-g", "-O0", str(SOURCE)]
    return cache.build("crash", command, [SOURCE], compilers.versions["glibc"] or "")


def test_a_core_has_threads_and_memory(crash, inside):
    """The dumping thread first, with name, arguments and auxiliary vector; then the other."""
    result = inside([str(crash)])
    assert result.exit_code == 0
    found, segments = notes(result.stdout)
    assert [kind for kind, _ in found] == [1, 3, 6, 2, 1, 2]
    status = found[0][1]
    assert len(status) == 336
    assert struct.unpack_from("<iiih", status) == (11, 0, 0, 11)
    first, second = (struct.unpack_from("<i", found[i][1], 32)[0] for i in (0, 4))
    assert second == first + 1
    info = found[1][1]
    assert info[40:56].rstrip(b"\0") == b"crash"
    assert info[56:].rstrip(b"\0 ") == str(crash).encode()[:79]
    assert found[2][1][-16:] == bytes(16)
    assert all(offset % 4096 == 0 for kind, _, offset, *_ in segments)


def test_who_waits_for_a_dump_has_left_its_memory_once(crash, monkeypatch):
    """mm_release comes before the wait (exit_mm), and does not come again after it."""
    left = []
    mm_release = fork_mm.mm_release

    def release(current, mm):
        if current.flags & PF_EXITING and mm is not None:
            left.append((current.pid, mm.core_state is not None))
        mm_release(current, mm)

    monkeypatch.setattr(fork_mm, "mm_release", release)
    assert Machine(root="/").run([str(crash)]).exit_code == 0
    pids = [pid for pid, _ in left]
    assert len(pids) == len(set(pids))
    assert [dumped for _, dumped in left].count(True) == 1


@pytest.mark.parametrize(("signal", "dumps"), [("SIGABRT", True), ("SIGSYS", True), ("SIGTERM", False)])
def test_a_dump_takes_who_shares_the_memory_of_a_python_program(signal, dumps):
    """Though there is no core: it is as if none might be written."""
    seen = {}

    async def main(sys):
        async def sharer(sys):
            await sys.pause()

        async def victim(sys):
            seen["sharer"] = await sys.clone(sharer, flags=sys.CLONE_VM | sys.CLONE_PARENT | sys.SIGCHLD)
            await sys.kill(await sys.getpid(), getattr(sys, signal))

        pid = await sys.clone(victim)
        _, status = await sys.waitpid(pid, 0)
        assert sys.WTERMSIG(status) == getattr(sys, signal)
        assert not status & 0x80
        seen["gone"], _ = await sys.waitpid(-1, 0 if dumps else sys.WNOHANG)

    assert Machine().run(main).exit_code == 0
    assert seen["gone"] == (seen["sharer"] if dumps else 0)


def test_gdb_reads_a_core(crash, inside, tmp_path):
    """Stack, threads, variables, heap and shared memory."""
    gdb = need("gdb")
    core = tmp_path / "core"
    core.write_bytes(inside([str(crash)]).stdout)
    commands = ["bt", "info threads", "p answer", "x/s text", "x/s heap", "x/s shared", "info auxv"]
    options = [part for command in commands for part in ("-ex", command)]
    argv = [gdb, "-batch", "-nx", *options, str(crash), str(core)]
    text = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "Program terminated with signal SIGSEGV" in text
    assert text.count("crash_here (depth=") >= 4
    assert "in main (" in text
    assert text.count("[New LWP ") == 2
    assert "$1 = 4711" in text
    for string in "made by the program", "on the heap", "shared":
        assert f'"{string}"' in text
    assert "AT_ENTRY" in text


@pytest.mark.parametrize(("limit", "code"), [("4095", 2), ("4096", 0), ("20000", 0)])
def test_a_core_is_cut_at_the_limit(limit, code, crash, inside):
    """Less than a page means none; a core that was cut is one all the same."""
    result = inside([str(crash), limit])
    assert result.exit_code == code
    if limit == "20000":
        whole = len(inside([str(crash)]).stdout)
        assert 0 < len(result.stdout) < whole


def elf():
    start = 64 + 56
    size = start + len(CODE)
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    return struct.pack(
        "<16sHHIQQQIHHHHHH", ident, 2, 62, 1, 0x400000 + start, 64, 0, 0, 64, 56, 1, 0, 0, 0,
    ) + struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, size, size, 4096) + CODE


@pytest.mark.parametrize(("pattern", "uses_pid", "name"), [
    ("core", 0, "core"), ("core", 1, "core.18"), ("core-%p", 1, "core-18"), ("%e.%s.%u.%g%", 0, "crash.11.0.0"),
    ("%%-%h-%z%E", 0, "%-procession-!crash"), ("%t", 0, "1325721600"), ("/d/c", 0, "d/c"),
])
def test_the_name_of_a_core(pattern, uses_pid, name):
    """core_pattern's letters; what has no meaning is dropped."""
    async def main(sys):
        for path, value in ("core_pattern", pattern), ("core_uses_pid", str(uses_pid)):
            fd = await sys.open(f"/proc/sys/kernel/{path}", sys.O_WRONLY)
            await sys.write(fd, value.encode())
            await sys.close(fd)
        await sys.mkdir("/d", 0o755)
        before = {*await sys.listdir("/"), *(f"d/{one}" for one in await sys.listdir("/d"))}
        await sys.setrlimit(sys.RLIMIT_CORE, (sys.RLIM_INFINITY, sys.RLIM_INFINITY))
        pid = await sys.fork()
        if pid == 0:
            await sys.execve("/crash", ["crash"])
        _, status = await sys.waitpid(pid)
        after = {*await sys.listdir("/"), *(f"d/{one}" for one in await sys.listdir("/d"))}
        await sys.print(sys.WCOREDUMP(status), *(after - before))

    result = Machine(root={"/crash": elf()}).run(main)
    result.kernel.check_baseline()
    assert result.output == f"True {name}\n"


def test_a_python_program_leaves_none():
    """Its format has no core_dump; a child of its that becomes an ELF program has one."""
    async def main(sys):
        await sys.setrlimit(sys.RLIMIT_CORE, (sys.RLIM_INFINITY, sys.RLIM_INFINITY))
        for program in None, "/crash":
            pid = await sys.fork()
            if pid == 0 and program is None:
                await sys.raise_signal(sys.SIGQUIT)
            if pid == 0:
                await sys.execve("/crash", ["crash"])
            _, status = await sys.waitpid(pid)
            await sys.print(sys.WTERMSIG(status), sys.WCOREDUMP(status), "core" in await sys.listdir("/"))

    assert Machine(root={"/crash": elf()}).run(main).output == "3 False False\n11 True True\n"


@pytest.mark.parametrize(("trick", "dumped"), [
    ("none", True), ("symlink", False), ("hard link", False), ("directory", False), ("another's", False),
    ("old", True), ("fifo", False), ("other user", False),
])
def test_no_core_into_what_somebody_has_prepared(trick, dumped):
    """Not through a link, not into another's file; an old core is written over."""
    async def main(sys):
        async def make(path, data=b"x"):
            fd = await sys.open(path, sys.O_WRONLY | sys.O_CREAT, 0o666)
            await sys.write(fd, data)
            await sys.close(fd)

        await sys.setrlimit(sys.RLIMIT_CORE, (sys.RLIM_INFINITY, sys.RLIM_INFINITY))
        if trick == "symlink":
            await make("/victim")
            await sys.symlink("/victim", "/core")
        elif trick == "hard link":
            await make("/victim")
            await sys.link("/victim", "/core")
        elif trick == "directory":
            await sys.mkdir("/core", 0o777)
        elif trick == "another's":
            await make("/core")
            await sys.chown("/core", 1000, 1000)
        elif trick == "old":
            await make("/core", bytes(1 << 20))
        elif trick == "fifo":
            await sys.mknod("/core", 0o010666)
        pid = await sys.fork()
        if pid == 0:
            if trick == "other user":
                await sys.setresuid(1000, 1000, 1000)
            await sys.execve("/crash", ["crash"])
        _, status = await sys.waitpid(pid)
        assert sys.WTERMSIG(status) == 11
        await sys.print(sys.WCOREDUMP(status))
        if trick == "old":
            await sys.print((await sys.stat("/core")).st_size < 1 << 20)

    result = Machine(root={"/crash": elf()}).run(main)
    result.kernel.check_baseline()
    assert result.output.split()[0] == str(dumped), result.stderr
    assert "False" not in result.output.split()[1:]


def test_a_vfork_parent_does_not_hang():
    """It shares the memory that is dumped, and has to come along: the signal takes both."""
    async def main(sys):
        await sys.setrlimit(sys.RLIMIT_CORE, (sys.RLIM_INFINITY, sys.RLIM_INFINITY))
        pid = await sys.fork()
        if pid == 0:
            await sys.execve("/vforks", ["vforks"])
        await sys.print((await sys.waitpid(pid))[1])

    # vfork(); a null pointer dereference in both; the parent would come there only after its child.
    code = bytes.fromhex("b83a000000 0f05 8b042500000000".replace(" ", ""))
    program = elf()[:120] + code
    size = struct.pack("<Q", 120 + len(code))
    program = program[:64 + 32] + size * 2 + program[64 + 48:]
    result = Machine(root={"/vforks": program}).run(main)
    result.kernel.check_baseline()
    assert int(result.output) & 0x7F == 11


def crash_once(cores, prepare=None, pattern=None):
    """Run a program that crashes on a machine whose cores go to the host; returns its wait status and the machine."""
    async def main(sys):
        if pattern is not None:
            fd = await sys.open("/proc/sys/kernel/core_pattern", sys.O_WRONLY)
            await sys.write(fd, pattern.encode())
            await sys.close(fd)
        pid = await sys.fork()
        if pid == 0:
            if prepare is not None:
                await prepare(sys)
            await sys.execve("/crash", ["crash"])
        await sys.print((await sys.waitpid(pid))[1])

    machine = Machine(root={"/crash": elf()}, cores=cores)
    result = machine.run(main)
    machine.check_baseline()
    return int(result.output), machine


def test_cores_outside(tmp_path):
    """They go to a directory of the host whatever the limit is, and the status says so."""
    status, machine = crash_once(tmp_path / "new" / "cores")
    (core,) = machine.core_store.written
    assert status == 11 | 0x80
    assert core == tmp_path / "new" / "cores" / "core.crash.18"
    assert notes(core.read_bytes())[0][1][1][40:56].rstrip(b"\0") == b"crash"
    assert core.stat().st_mode & 0o777 == 0o600


def test_a_limit_of_one_keeps_a_core_inside(tmp_path):
    """As for every pipe in core_pattern: 1 means that the helper itself has crashed."""
    async def prepare(sys):
        await sys.setrlimit(sys.RLIMIT_CORE, (1, 1))

    status, machine = crash_once(tmp_path, prepare)
    assert (status, machine.core_store.written) == (11, [])


@pytest.mark.parametrize(("pattern", "name"), [
    ("|../../up", "..!..!up"), ("| /etc/passwd", "!etc!passwd"), ("|..", "core.."), ("|", "core"), ("|  x %s", "x 11"),
])
def test_a_guest_cannot_lead_cores_elsewhere(pattern, name, tmp_path):
    """It chooses a name, not a place; what is there already is left alone."""
    cores = tmp_path / "cores"
    cores.mkdir()
    (cores / name).write_text("mine")
    _, machine = crash_once(cores, pattern=pattern)
    assert machine.core_store.written == [cores / f"{name}.1"]
    assert (cores / name).read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["cores"]


def test_a_place_for_cores_that_is_none(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        Machine(cores=tmp_path / "file")
