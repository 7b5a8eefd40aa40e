"""Shared directories where the host fails, or changes what is there; mappings, which are written back."""

import errno
import io
import os
from pathlib import Path
import tarfile

import pytest
from tests.fs.programs import errno_of

from procession import Machine
from procession.fs import lower
from procession.fs.hostfs import hostfs_user

from .conftest import Buffer

P = 4096
RDONLY, WRONLY, RDWR, DIRECTORY = 0, 1, 2, 0o200000
PROT_READ, PROT_WRITE, MAP_SHARED, MAP_PRIVATE = 1, 2, 1, 2


def run(shared, main, mode="rw"):
    result = Machine(volumes={"/v": (str(shared), mode)}).run(main)
    assert result.exit_code == 0, result.stderr
    return result


# Mappings.


def test_what_mappings_write_is_on_the_host_when_asked_for(host, monkeypatch):
    """By msync, fsync, sync, a truncation that leaves it, and by the last unmapping."""
    (host / "file").write_bytes(bytes(3 * P))
    seen = []

    def look():
        data = (host / "file").read_bytes()
        seen.append((len(data), data[:1], data[P : P + 1]))

    async def main(linux):
        fd = await linux.open("/v/file", RDWR)
        at = await linux.mmap(0, 3 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
        await linux.poke(at, b"1")
        await linux.fsync(fd)
        look()
        await linux.poke(at + P, b"2")
        await linux.sync()
        look()
        await linux.poke(at, b"3")
        await linux.msync(at, 3 * P, 4)
        look()
        await linux.poke(at, b"4")
        await linux.ftruncate(fd, 10)
        await linux.munmap(at, 3 * P)
        await linux.fsync(fd)
        monkeypatch.setattr(hostfs_user.HostDirectory, "pwrite", lambda *_args: 1 // 0)
        await linux.fsync(fd)  # nothing is left to be written
        monkeypatch.undo()
        await linux.close(fd)
        look()

    run(host, main)
    assert seen == [(3 * P, b"1", b"\0"), (3 * P, b"1", b"2"), (3 * P, b"3", b"2"), (10, b"4", b"")]


def test_what_is_cut_off_is_mapped_no_more(host):
    """A page behind the new end reads as zero once the file has grown again."""
    (host / "file").write_bytes(b"x" * 2 * P)
    seen = []

    async def main(linux):
        fd = await linux.open("/v/file", RDWR)
        at = await linux.mmap(0, 2 * P, PROT_READ, MAP_SHARED, fd, 0)
        seen.append(await linux.peek(at + P, 1))
        await linux.ftruncate(fd, P)
        await linux.ftruncate(fd, 2 * P)
        seen.append(await linux.peek(at + P, 1))

    run(host, main)
    assert seen == [b"x", b"\0"]


def test_a_full_disk_is_told_at_fsync(host, monkeypatch):
    """And in the log where nobody asks."""
    (host / "file").write_bytes(bytes(P))
    seen = []

    async def main(linux):
        fd = await linux.open("/v/file", RDWR)
        at = await linux.mmap(0, P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
        await linux.poke(at, b"1")
        monkeypatch.setattr(hostfs_user.HostDirectory, "pwrite", lambda *_args: 0)
        seen.append(await errno_of(linux.fsync(fd)))
        await linux.munmap(at, P)
        await linux.close(fd)

    result = run(host, main)
    assert seen == ["ENOSPC"]
    assert "lost write to a page of inode" in result.kernel.log.text_from(0).decode()


def test_a_mapping_sees_what_the_host_has_changed(host):
    """Pages that somebody maps are read again; what a mapping has written stays as it is."""
    (host / "file").write_bytes(b"a" * 2 * P)
    seen = []

    async def main(linux):
        fd = await linux.open("/v/file", RDWR)
        at = await linux.mmap(0, 2 * P, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
        seen.append(await linux.peek(at, 1))
        await linux.poke(at + P, b"m")
        (host / "file").write_bytes(b"b" * 2 * P)
        os.utime(host / "file", ns=(1, 1))
        other = await linux.open("/v/file", RDONLY)
        seen.append(await linux.read(other, 1))
        seen.append(await linux.peek(at, 1))
        seen.append(await linux.peek(at + P, 1))
        private = await linux.mmap(0, P, PROT_READ, MAP_PRIVATE, other, 0)
        seen.append(await linux.peek(private, 1))

    run(host, main)
    assert seen == [b"a", b"b", b"b", b"m", b"b"]


# Failures of the host.


def test_directories_and_files_are_brought_to_the_disk(rw, host, monkeypatch):
    done = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: done.append(Path(f"/proc/self/fd/{fd}").readlink()) or fsync(fd))
    file, directory = rw.open("/v/file", RDWR, 0), rw.open("/v/dir", RDONLY | DIRECTORY, 0)
    assert rw.fsync(file) == rw.fsync(directory) == 0
    assert done == [host / "file", host / "dir"]


def test_what_has_gone_keeps_its_attributes(rw, host):
    """Of an open file; another one of its name is another file, whose number is not that of the old one."""
    fd = rw.open("/v/file", RDWR, 0)
    (host / "file").unlink()
    (host / "file").mkdir()
    assert rw.read(fd, Buffer(bytes(10)), 10) == 8
    assert rw.stat_of("/v/file").mode & 0o170000 == 0o040000
    rw.close(fd)


def test_an_unknown_entry_is_told_by_its_kind(rw, host):
    """FIFOs and sockets are seen in a listing."""
    os.mkfifo(host / "fifo")
    fd = rw.open("/v", RDONLY | DIRECTORY, 0)
    buffer = Buffer(bytes(4096))
    entries = bytes(buffer.data[: rw.getdents64(fd, buffer, 4096)])
    assert entries[entries.index(b"fifo\0") - 1] == 1      # DT_FIFO
    assert entries[entries.index(b"dir\0") - 1] == 4
    assert entries[entries.index(b"file\0") - 1] == 8
    rw.close(fd)


def test_write_only_files_are_written(rw, host, monkeypatch):
    """Of whom the host lets write but not read: it is opened to write alone."""
    opened = []
    os_open = os.open

    def refuse(path, flags, *args, **kw):
        if flags & 3 == RDWR and path == b"file":
            raise PermissionError(errno.EACCES, "no reading")
        opened.append(flags & 3)
        return os_open(path, flags, *args, **kw)

    monkeypatch.setattr(os, "open", refuse)
    fd = rw.open("/v/file", WRONLY, 0)
    assert rw.write(fd, Buffer(b"new"), 3) == 3
    assert WRONLY in opened
    rw.close(fd)
    assert (host / "file").read_bytes() == b"newtents"


# Roots.


def tar(*members):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, kind, mode, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.size, info.devmajor, info.devminor = kind, mode, len(content), 8, 1
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


def test_what_an_archive_may_hold(tmp_path):
    """Devices, FIFOs, a directory twice, what leads out of it, an empty file."""
    path = tmp_path / "root.tar"
    path.write_bytes(
        tar(
            ("./", tarfile.DIRTYPE, 0o755, b""),
            ("d", tarfile.DIRTYPE, 0o700, b""),
            ("d/sda", tarfile.BLKTYPE, 0o600, b""),
            ("d/pipe", tarfile.FIFOTYPE, 0o622, b""),
            ("d", tarfile.DIRTYPE, 0o711, b""),
            ("empty", tarfile.REGTYPE, 0o644, b""),
            ("../out", tarfile.REGTYPE, 0o644, b"x"),
        )
    )
    seen = []

    async def main(linux):
        for name in ("/d/sda", "/d/pipe", "/d", "/empty"):
            st = await linux.stat(name)
            seen.append((name, oct(st.st_mode)))
        fd = await linux.open("/empty", RDONLY)
        seen.append(await linux.read(fd, 10))
        seen.append(await errno_of(linux.stat("/out")))

    assert Machine(root=str(path)).run(main).exit_code == 0
    assert seen == [
        ("/d/sda", "0o60600"), ("/d/pipe", "0o10622"), ("/d", "0o40711"), ("/empty", "0o100644"), b"", "ENOENT",
    ]


@pytest.mark.parametrize(
    ("name", "error", "seen"),
    [
        ("stat", PermissionError, "EACCES"),
        ("readlink", FileNotFoundError, "ENOENT"),
        ("scandir", PermissionError, "EACCES"),
    ],
)
def test_what_the_host_refuses_of_a_root(tmp_path, monkeypatch, name, error, seen):
    """Is what the program hears."""
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "link").symlink_to("target")
    told = []

    def refused(*_args, **_kw):
        raise error(1, "the host says so")

    async def main(linux):
        fd = await linux.open("/dir", RDONLY)
        monkeypatch.setattr(lower.os, name, refused)
        if name == "scandir":
            told.append(await errno_of(linux.getdents(fd)))
        elif name == "readlink":
            told.append(await errno_of(linux.readlink("/dir/link")))
        else:
            told.append(await errno_of(linux.stat("/dir/new")))
        monkeypatch.undo()

    Machine(root=str(tmp_path)).run(main)
    assert told == [seen]
