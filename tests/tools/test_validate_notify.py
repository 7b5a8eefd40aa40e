"""The validators of who watches files: nothing to say while somebody does, and what they find."""

from __future__ import annotations

import pytest

from procession import Machine
from procession.kernel import entry
from procession.tools.validate import validate_all

pytestmark = pytest.mark.unchecked


async def watchers(sys):
    """Two instances of inotify and a listener of fanotify watch a directory with a file, and have events."""
    await sys.mkdir("/tmp/d")
    for _ in range(2):
        fd = await sys.inotify_init1(0)
        await sys.inotify_add_watch(fd, "/tmp/d", 0xFFF)
    fan = await sys.fanotify_init(0, 0)
    await sys.fanotify_mark(fan, 1, 0x800003B, -100, "/tmp/d")
    await sys.fanotify_mark(fan, 0x11, 0x20, -100, "/tmp")
    await sys.open("/tmp/d/f", 0o102, 0o600)
    await sys.inotify_add_watch(fd, "/tmp/d/f", 0xFFF)
    await sys.pause()


@pytest.fixture
def k():
    machine = Machine()
    with pytest.raises(entry.Deadlock):
        machine.run(watchers)
    assert validate_all(machine) == []
    return machine.kernel


def group(k, at=1):
    """The first instance, the second, or the listener."""
    return list(k.vfs.fsnotify_groups)[at]


def inode(k):
    """The directory."""
    return next(iter(k.vfs.fsnotify_inodes))


def change(get, name, by=1):
    def mutate(k):
        thing = get(k)
        setattr(thing, name, getattr(thing, name) + by)
    return mutate


@pytest.mark.parametrize(("mutate", "complaint"), [
    (change(lambda k: k.vfs, "nr_fsnotify_marks"), "nr_fsnotify_marks: 6, found 5"),
    (change(group, "q_len"), "q_len of a group: 3, found 2"),
    (lambda k: setattr(inode(k), "i_fsnotify_mask", 7), "0x7 of 3 marks"),
    (lambda k: inode(k).i_fsnotify_marks.reverse(), "are in the order"),
    (lambda k: inode(k).i_fsnotify_marks.pop(), "a mark that its inode or mount does not know"),
    (lambda k: setattr(list(group(k, 2).marks)[1].mnt, "mnt_fsnotify_mask", 1), "mnt_fsnotify_mask of mount"),
    (lambda k: setattr(list(group(k, 2).marks)[1].mnt.mnt_sb, "s_active", 0), "has a mark, and is gone"),
    (change(lambda k: group(k).notification_list[0].event, "refcnt"), "found 2"),
    (lambda k: k.caches["fsnotify_event"].alloc(), "fsnotify_event objects"),
    (lambda k: k.caches["fsnotify_event_holder"].alloc(), "fsnotify_event_holder objects"),
    (lambda k: k.caches["inotify_event_private_data"].alloc(), "inotify_event_private_data objects: 5, found 4"),
    (lambda k: k.caches["inotify_inode_mark_cache"].alloc(), "inotify_inode_mark_cache objects: 4, found 3"),
    (lambda k: k.caches["fanotify_mark"].alloc(), "fanotify_mark objects: 3, found 2"),
    (lambda k: k.vfs.fsnotify_groups.pop(group(k, 0)), "1 instances of inotify, 2 of them open"),
    (lambda k: k.vfs.fsnotify_groups.pop(group(k, 2)), "0 listeners of fanotify, 1 of them open"),
    (lambda k: group(k).idr.clear(), "a watch that is not in the table"),
    (lambda k: group(k).idr.update({9: None}), "3 numbers of 2 watches"),
    (change(lambda k: k.users.root_user, "inotify_devs"), "inotify_devs of user 0: 3, found 2"),
    (change(lambda k: k.users.root_user, "inotify_watches"), "inotify_watches of user 0: 4, found 3"),
    (change(lambda k: k.users.root_user, "fanotify_listeners"), "fanotify_listeners of user 0: 2, found 1"),
    (change(lambda k: k.users.root_user, "count"), "count of user 0"),
    (change(lambda k: group(k).notification_list[0].event.tgid, "count"), "count of"),
    (change(lambda k: group(k, 2).notification_list[0].event.path.dentry.d_inode, "i_count"), "i_count of"),
])
def test_a_broken_promise_is_noticed(k, mutate, complaint):
    mutate(k)
    assert any(complaint in text for text in validate_all(k))
