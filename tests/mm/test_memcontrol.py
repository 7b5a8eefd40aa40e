"""What a group's memory does where a program cannot bring it about, or cannot see it."""

from __future__ import annotations

import errno

import pytest

from procession import Machine
from procession.mm import memcontrol_files

PAGE = 4096


async def put(linux, path, text):
    """Write a text; returns 0 or the error's number."""
    fd = await linux.open(path, 1)
    try:
        await linux.write(fd, text)
    except OSError as error:
        return error.errno
    finally:
        await linux.close(fd)
    return 0


async def get(linux, path):
    fd = await linux.open(path)
    text = await linux.read(fd, 4096)
    await linux.close(fd)
    return text.decode()


async def group(linux):
    """A group of its own for who calls."""
    await linux.mkdir("/tmp/c")
    await linux.mount("none", "/tmp/c", "cgroup", 0, "memory")
    await linux.mkdir("/tmp/c/a")
    assert await put(linux, "/tmp/c/a/tasks", b"0") == 0


async def cache(linux):
    stat = await get(linux, "/tmp/c/a/memory.stat")
    return int(stat.split()[1]) // PAGE


def test_clean_pages_of_files_make_room(tmp_path):
    """For a lower limit, for a new page, and when all is to go; what is written to and not kept yet stays."""
    (tmp_path / "file").write_bytes(bytes(100 * PAGE))
    seen = []

    async def main(linux):
        await group(linux)
        fd = await linux.open(str(tmp_path / "file"))
        while await linux.read(fd, PAGE):
            pass
        seen.append(await cache(linux))
        seen.append(await put(linux, "/tmp/c/a/memory.limit_in_bytes", b"%d" % (60 * PAGE)))
        seen.append(await cache(linux))
        await linux.lseek(fd, 0, 0)
        while await linux.read(fd, PAGE):
            pass
        seen.append(await cache(linux) <= 60)
        seen.append(await put(linux, "/tmp/c/tasks", b"0"))
        seen.append(await put(linux, "/tmp/c/a/memory.force_empty", b"0"))
        seen.append(await cache(linux))

    assert Machine(root="/").run(main).exit_code == 0
    assert seen[0] == 100
    assert seen[1] == 0
    assert 100 - 3 * 32 <= seen[2] <= 60
    assert seen[3:] == [True, 0, 0, 0]


@pytest.mark.parametrize("file", ["limit_in_bytes", "force_empty"])
def test_a_signal_ends_the_attempt(monkeypatch, file):
    """EINTR, to make room and to empty a group."""
    seen = []

    async def main(linux):
        await group(linux)
        await put(linux, "/tmp/c/tasks", b"0")
        monkeypatch.setattr(memcontrol_files, "signal_pending", lambda _: True)
        seen.append(await put(linux, f"/tmp/c/a/memory.{file}", b"1M"))
        monkeypatch.undo()
        seen.append(await put(linux, f"/tmp/c/a/memory.{file}", b"1M"))

    assert Machine().run(main).exit_code == 0
    assert seen == [errno.EINTR, 0]


def test_there_are_as_many_groups_as_numbers(monkeypatch):
    """The top group has one, too."""
    monkeypatch.setattr(memcontrol_files, "_MAX_IDS", 3)
    seen = []

    async def main(linux):
        await group(linux)
        await linux.mkdir("/tmp/c/b")
        try:
            await linux.mkdir("/tmp/c/d")
        except OSError as error:
            seen.append(error.errno)
        await linux.rmdir("/tmp/c/b")
        await linux.mkdir("/tmp/c/d")

    assert Machine().run(main).exit_code == 0
    assert seen == [errno.ENOSPC]
