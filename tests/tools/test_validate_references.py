"""Counts of references that are off, where no other test puts them off: users, credentials, files, descriptors."""

from __future__ import annotations

import pytest
from tests.tools.test_validate import build

from procession.fs.pipe import PipeFile
from procession.tools.validate import validate_all

pytestmark = pytest.mark.unchecked


def pipe(w):
    return next(file.pipe for file in w.reader.files.fd if isinstance(file, PipeFile))


def pipe_readers(w):
    pipe(w).readers += 1


def pipe_writers(w):
    pipe(w).writers += 1


def files_of_all(w):
    w.k.vfs.nr_files += 1


def user_count(w):
    w.main.cred.user.count += 1


def user_hash(w):
    w.k.users.uidhash.clear()


def free_but_open(w):
    w.main.files.open_fds[0] &= ~2


def reserved(w):
    w.main.stack = None                     # nobody sleeps over it any more
    w.main.files.open_fds[0] |= 1 << 20


def free_below(w):
    w.main.files.next_fd = 63


def short_bitmap(w):
    w.main.files.close_on_exec.append(0)


def no_room(w):
    w.main.files.max_fds = 0


def boot_pid(w):
    w.k.init_struct_pid.count += 1


@pytest.mark.parametrize(("mutate", "complaint"), [
    (pipe_readers, ": readers "), (pipe_writers, ": writers "), (files_of_all, "nr_files "),
    (user_count, "count of user 0: "), (user_hash, "user 0 is not in the hash"),
    (free_but_open, "descriptors 0x2 are open, but marked free"), (reserved, "0x100000 are reserved by nobody"),
    (free_below, "a descriptor below next_fd 63 is free"), (short_bitmap, "bitmaps of other lengths than"),
    (no_room, ", room for 0"), (boot_pid, "count of the boot task's pid: "),
], ids=lambda value: getattr(value, "__name__", ""))
def test_a_wrong_count_is_noticed(mutate, complaint):
    w = build()
    mutate(w)
    found = validate_all(w.k)
    assert any(complaint in text for text in found), found
