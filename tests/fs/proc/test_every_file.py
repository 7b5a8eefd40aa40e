"""Every file of /proc and /sys, whatever its name: opened, read in odd pieces, moved in, written to and polled."""

import random

from tests.fs.programs import run

TEXTS = (b"", b"0", b"1\n", b"-1", b"x", b"0x10", b"999999999999999999999", b" 5 ", b"1 2 3", b"\0", b"7" * 5000)
NOT_WRITTEN = (
    "sysrq-trigger", "threads-max", "pid_max", "file-max", "nr_open", "domainname", "hostname", "max_map_count",
)


async def walk(sys, path):
    """The paths of all files below path."""
    found = []
    fd = await sys.open(path, 0o200000)
    for name, kind in await entries(sys, fd):
        if name in {".", ".."}:
            continue
        if kind == 4:
            if not name.isdecimal() or name in {"1", str(await sys.getpid())}:
                found += await walk(sys, f"{path}/{name}")
        elif kind == 8:
            found.append(f"{path}/{name}")
    await sys.close(fd)
    return found


async def entries(sys, fd):
    """What getdents64 gives: names and types."""
    out = []
    while True:
        buffer = bytearray(1000)
        size = await sys.syscall("getdents64", fd, buffer, len(buffer))
        if not size:
            return out
        at = 0
        while at < size:
            length = int.from_bytes(buffer[at + 16 : at + 18], "little")
            out.append((buffer[at + 19 : at + length].split(b"\0", 1)[0].decode(), buffer[at + 18]))
            at += length


async def attempt(call):
    """The result of a call, None if it fails."""
    try:
        return await call
    except OSError:
        return None


async def exercise(sys, path, rng):
    """Do things to a file, many of which must fail."""
    for flags in (0, 1, 2, 0o1002):
        fd = await attempt(sys.open(path, flags | 0o4000))
        if fd is None:
            continue
        for _ in range(8):
            size = rng.choice((0, 1, 3, 7, 8, 100, 4095, 4096, 5000, 70000))
            await attempt(sys.read(fd, size))
            await attempt(sys.syscall("pread64", fd, bytearray(size), size, rng.choice((0, 1, 8, 100, 4096, 1 << 40))))
            await attempt(sys.lseek(fd, rng.choice((0, 0, 1, 5, -1, 4096, 1 << 31, 1 << 62)), rng.randrange(6)))
        if flags and not path.endswith(NOT_WRITTEN):
            for _ in range(3):
                text = rng.choice(TEXTS)
                await attempt(sys.write(fd, text))
                await attempt(sys.syscall("pwrite64", fd, text, len(text), rng.choice((0, 1, 100))))
        await sys.close(fd)


def test_nothing_done_to_any_file_is_too_much_for_the_kernel():
    """Whatever comes of it; and all of them are there."""
    async def main(sys):
        rng = random.Random(5)
        paths = [*await walk(sys, "/proc"), *await walk(sys, "/sys")]
        for path in paths:
            await exercise(sys, path, rng)
        await sys.print(*sorted({path.replace(str(await sys.getpid()), "N") for path in paths}))

    seen = run(main, cpus=2, root={"/sys/": b""}).split()
    for name in (
        "N/clear_refs", "N/coredump_filter", "N/latency", "N/mountstats", "N/pagemap", "N/stack", "N/task/N/clear_refs",
        "buddyinfo", "kpageflags", "latency_stats", "lock_stat", "lockdep_chains", "timer_list", "zoneinfo",
        "sys/vm/min_free_kbytes", "sys/kernel/pty/nr", "sys/fs/overflowuid", "tty/ldiscs",
    ):
        assert f"/proc/{name}" in seen
    assert "/sys/devices/system/cpu/cpu1/topology/core_id" in seen
