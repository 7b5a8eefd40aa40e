"""Archives, programs and interpreters that are damaged: refused, or harmless."""

from __future__ import annotations

from collections import Counter
import gzip
import io
from pathlib import Path
import random
import struct
import tarfile

from fuzz.mutations import damaged
import pytest
from tests.hw.elf import EXIT, elf

from procession import Errno, LinuxError, Machine

SIGSEGV, SIGKILL = 11, 9


# The root.


def archive():
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, contents in (("bin/t", elf("31ff" + EXIT)), ("etc/long" + "x" * 120, b"y" * 5000)):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(contents), 0o755
            tar.addfile(info, io.BytesIO(contents))
        links = (("a", tarfile.SYMTYPE, "b"), ("b", tarfile.SYMTYPE, "a"), ("h", tarfile.LNKTYPE, "bin/t"))
        for name, kind, target in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            tar.addfile(info)
    return data.getvalue()


def correct_checksums(data):
    for at in range(0, len(data) - 511, 512):
        if data[at + 257:at + 262] == b"ustar":
            data[at + 148:at + 156] = b" " * 8
            data[at + 148:at + 156] = b"%06o\0 " % sum(data[at:at + 512])


def broken_archives():
    whole = archive()
    yield "empty", b""
    yield "no archive", b"nothing of the kind\n" * 100
    yield "a byte", b"\0"
    yield "gzip cut off", gzip.compress(whole)[:200]
    yield "gzip with a wrong end", gzip.compress(whole)[:-8] + bytes(8)
    yield "gzip of nothing", gzip.compress(b"")
    rng = random.Random(1)
    for i in range(300):
        data = bytearray(whole)
        if i % 3 == 0:
            del data[rng.randrange(len(data)):]
        for _ in range(rng.choice((1, 3, 20))):
            if data:
                at = rng.randrange(min(len(data), 4096))
                data[at] = rng.choice((0, 0x20, 0x2F, 0x30, 0x37, 0x80, 0xFF, rng.randrange(256)))
        if i % 2:
            correct_checksums(data)
        yield f"damage {i}", bytes(data)


def test_broken_archives(tmp_path):
    """They are refused with an OSError, or show what is left."""
    path = tmp_path / "root.tar"
    ended = Counter()
    for name, data in broken_archives():
        path.write_bytes(data)
        try:
            ended[Machine(root=path, memory=8 << 20).run(["/bin/t"]).exit_code] += 1
        except OSError as error:
            ended["refused" if error.filename == str(path) else f"{name}: {error}"] += 1
        except LinuxError:
            ended["not executed"] += 1
    assert {0, "refused", "not executed"} <= set(ended)
    assert not [how for how in ended if ":" in str(how)]


# Damaged programs.

def exec_all(files, names):
    """Execute each of the files in a child; returns how many ended with which wait status."""
    async def main(sys):
        for name in names:
            pid = await sys.fork()
            if pid == 0:
                await sys.alarm(2)
                await sys.close(1)
                await sys.close(2)
                try:
                    await sys.execve(name, [name], {})
                except OSError as error:
                    await sys.exit(error.errno)
            ended[name] = (await sys.waitpid(pid))[1]

    ended = {}
    result = Machine(root=files, memory=64 << 20).run(main)
    assert (result.exit_code, result.stderr) == (0, b"")
    result.kernel.check_baseline()
    return Counter(ended.values())


@pytest.mark.parametrize("seed", range(4))
def test_damaged_static_programs(hostile, seed):
    """They do not start, with an errno, or are killed, or run after all."""
    whole = Path(hostile("exhaust")).read_bytes()
    rng = random.Random(seed)
    files = {f"/{i}": damaged(rng, whole) for i in range(100)}
    ended = exec_all(files, list(files))
    assert ended[0], "some damage does no harm"
    assert ended[SIGSEGV]
    assert ended[SIGKILL], "the new program could not be mapped, the old one was gone"
    assert ended[Errno.ENOEXEC << 8]


LOADER = Path("/lib64/ld-linux-x86-64.so.2")


@pytest.mark.skipif(not LOADER.exists(), reason="the host has no dynamic linker of glibc's")
def test_damaged_interpreters():
    """The same for what PT_INTERP names."""
    whole = LOADER.read_bytes()
    rng = random.Random(5)
    head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, 0x400000, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    files = {}
    for i in range(60):
        name = f"/ld{i}".encode().ljust(8, b"\0")
        load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 184, 184, 4096)
        files[f"/{i}"] = head + struct.pack("<IIQQQQQQ", 3, 4, 176, 0, 0, 8, 8, 1) + load + name
        files[f"/ld{i}"] = damaged(rng, whole)
    ended = exec_all(files, [f"/{i}" for i in range(60)])
    assert ended[SIGSEGV]
    assert set(ended) - {0}


def test_interpreters_in_a_circle():
    """A script that names itself is ENOEXEC in the end, an interpreter that is its own program is just mapped twice."""
    def named(name):
        head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, 0x4000B8, 64, 0, 0, 64, 56, 2, 64, 0, 0)
        code = bytes.fromhex("31ff" + EXIT)
        size = 64 + 112 + 8 + len(code)
        load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, size, size, 4096)
        return head + struct.pack("<IIQQQQQQ", 3, 4, 176, 0, 0, 8, 8, 1) + load + name.ljust(8, b"\0") + code

    files = {
        "/self": b"#!/self\n", "/a": b"#!/b\n", "/b": b"#!/a\n", "/blank": b"#!   \n", "/nul": b"#!\0", "/only": b"#!",
        "/gone": b"#!/gone2\n", "/dir": b"#!/tmp\n", "/elf": named(b"/elf"), "/elfdir": named(b"/tmp"),
        "/elfgone": named(b"/gone2"), "/elfscript": named(b"/self"), "/empty": b"",
    }
    wanted = {
        "/self": Errno.ENOEXEC, "/a": Errno.ENOEXEC, "/blank": Errno.ENOEXEC, "/nul": Errno.ENOEXEC,
        "/only": Errno.ENOEXEC, "/gone": Errno.ENOENT, "/dir": Errno.EACCES, "/elf": 0, "/elfdir": Errno.EACCES,
        "/elfgone": Errno.ENOENT, "/elfscript": Errno.EIO, "/empty": Errno.ENOEXEC,
    }
    for name, errno in wanted.items():
        assert exec_all(files, [name]) == {int(errno) << 8: 1}, name
