"""Who watches files: over the root's layers, without memory, and what is left when they are gone."""

import errno
import shutil
import struct

import pytest

from procession import Machine
from procession.tools.fault_inject import census, every_failure
from procession.tools.validate import validate_all

from .programs import run

ALL, NONBLOCK = 0xFFF, 0o4000
RDWR, CREAT = 2, 0o100
EVENTS = {"fsnotify_event": "", "inotify_event_private_data": "", "fsnotify_event_holder": ""}
HEAD = struct.Struct("<iIII")


async def events(sys, fd):
    """What is queued: (watch, mask, name) of each."""
    found = []
    try:
        while data := await sys.read(fd, 4096):
            while data:
                wd, mask, _, size = HEAD.unpack_from(data)
                found.append((wd, mask, data[16 : 16 + size].rstrip(b"\0").decode()))
                data = data[16 + size :]
    except OSError as error:
        if error.errno != errno.EAGAIN:
            raise
    return found


def test_files_of_the_root_below_and_above(tmp_path):
    """A watch stays with a file that is only below at first, and is then written."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "f").write_text("old")

    async def main(sys):
        fd = await sys.inotify_init1(NONBLOCK)
        await sys.inotify_add_watch(fd, "/etc", ALL)
        await sys.inotify_add_watch(fd, "/etc/f", ALL)
        file = await sys.open("/etc/f", RDWR)
        await sys.read(file, 2)
        await sys.write(file, b"new")
        await sys.close(file)
        await sys.rename("/etc/f", "/etc/g")
        await sys.unlink("/etc/g")
        await sys.print(f"{await events(sys, fd)}")

    expected = [(wd, mask, name) for mask in (0x20, 1, 2, 8) for wd, name in ((1, "f"), (2, ""))]
    expected += [(1, 0x40, "f"), (1, 0x80, "g"), (2, 0x800, ""), (2, 4, ""), (1, 0x200, "g")]
    expected += [(2, 0x400, ""), (2, 0x8000, "")]       # freed only when its events have been read
    assert run(main, root=str(tmp_path)) == f"{expected}\n"
    assert (tmp_path / "etc" / "f").read_text() == "old"


async def watching(sys):
    """Two instances that watch the same, and a listener; everything is queued twice, and nothing is read."""
    await sys.mkdir("/tmp/d")
    for _ in range(2):
        fd = await sys.inotify_init1(NONBLOCK)
        await sys.inotify_add_watch(fd, "/tmp/d", ALL)
    fan = await sys.fanotify_init(0, 0)
    await sys.fanotify_mark(fan, 1, 0x800003B, -100, "/tmp/d")
    file = await sys.open("/tmp/d/f", RDWR | CREAT, 0o600)
    await sys.inotify_add_watch(fd, "/tmp/d/f", ALL)
    await sys.write(file, b"x")
    await sys.close(file)
    await sys.rename("/tmp/d/f", "/tmp/d/g")
    await sys.unlink("/tmp/d/g")
    await sys.rmdir("/tmp/d")


def test_nothing_is_left():
    machine = Machine(check=True)
    machine.run(watching)
    machine.check_baseline()
    assert validate_all(machine) == []
    vfs = machine.kernel.vfs
    assert (vfs.nr_fsnotify_marks, vfs.fsnotify_groups, vfs.fsnotify_inodes) == (0, {}, {})


def test_nobody_who_does_not_watch_pays():
    """No cache, no group, no mark is made before somebody asks."""
    async def main(sys):
        await sys.close(await sys.open("/tmp/f", CREAT, 0o600))

    machine = Machine()
    machine.run(main)
    assert not [name for name in machine.kernel.caches if "notify" in name]


def left(kernel):
    """What a run has left; caches are made when they are first needed, and may be empty."""
    found = census(kernel)
    return {**found, "caches": {name: n for name, n in found["caches"].items() if n}}


@pytest.mark.parametrize(("call", "at", "lost"), [
    ("inotify_init1", 1, {"filp": "ENFILE"}), ("inotify_add_watch", 2, {"inotify_inode_mark_cache": "ENOMEM"}),
    ("inotify_rm_watch", 1, {"fsnotify_event": "", "inotify_event_private_data": ""}),
    ("fanotify_init", 1, {"filp": "ENFILE"}), ("fanotify_mark", 1, {"fanotify_mark": "ENOMEM"}),
    ("open", 1, {"filp": "ENFILE", **EVENTS}), ("rename", 1, EVENTS), ("unlink", 1, EVENTS),
    ("read", 3, {"filp": "ENFILE"}),
])
def test_without_memory(call, at, lost):
    """The call fails and has done nothing, or there is an event less; nothing is left behind."""
    async def main(sys):
        try:
            await sys.mkdir("/tmp/d")
            one = await sys.inotify_init1(NONBLOCK)
            two = await sys.inotify_init1(NONBLOCK)
            await sys.inotify_add_watch(two, "/tmp", ALL)
            for fd in (one, two):
                await sys.inotify_add_watch(fd, "/tmp/d", ALL)
            fan = await sys.fanotify_init(2, 0)
            await sys.fanotify_mark(fan, 1, 0x800003B, -100, "/tmp/d")
            await sys.close(await sys.open("/tmp/d/f", RDWR | CREAT, 0o600))
            await sys.inotify_rm_watch(two, 1)
            await sys.rename("/tmp/d/f", "/tmp/d/g")
            await sys.unlink("/tmp/d/g")
            await events(sys, one)
            await sys.read(fan, 24)
        except OSError as error:
            await sys.print(errno.errorcode[error.errno])

    reference = left(Machine().run(main).kernel)
    seen = {}
    for fault, result in every_failure(Machine, main, call, at=at, kinds=("slab",)):
        assert left(result.kernel) == reference, fault
        seen[fault.what] = result.output.strip()
    assert seen == lost


@pytest.mark.skipif(shutil.which("tail") is None, reason="no tail")
def test_tail_follows_a_file():
    """It is woken by a watch, and does not look every second."""
    machine = Machine(root="/")
    script = "cd /tmp; echo one >log; tail -f log & sleep 0.2; echo two >>log; sleep 0.2; kill $!"
    result = machine.run(["/bin/sh", "-c", script])
    assert result.output == "one\ntwo\n"
    assert machine.kernel.caches["inotify_inode_mark_cache"].nr_allocs
    machine.check_baseline()
