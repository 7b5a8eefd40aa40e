"""Locks on files and leases, who waits for them, and who is told of a file's news."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.drivers.tty.tty_io import TtyFile
from procession.fs.devices import RandomFile
from procession.fs.locks import FL_LEASE, lease_breaking
from procession.fs.notify.dnotify.dnotify import DnotifyMark
from procession.fs.notify.inotify.inotify_user import InotifyFile
from procession.fs.pipe import PipeFile
from procession.include.linux.fcntl import O_ASYNC
from procession.net.socket import SocketFile
from procession.tools.validate.census import Census

if TYPE_CHECKING:
    from procession.fs.fasync import FasyncList
    from procession.fs.locks import FileLock
    from procession.include.linux.fs import File, Inode

__all__ = ("validate_dnotify", "validate_fasync", "validate_file_locks")


def _locked(seen: Census) -> dict[Inode, None]:
    """Return the inodes with locks: a lock goes with the last who has the file open."""
    return {file.inode: None for file in seen.open_files if file.inode.i_flock is not None}


def validate_file_locks(seen: Census) -> list[str]:
    """Return which locks are out of order, and whether as many are counted as there are."""
    if "file_lock_cache" not in seen.k.caches:
        return []
    wrong: list[str] = []
    count = 0
    for inode in _locked(seen):
        held = inode.i_flock or []
        count += len(held)
        leases = [bool(fl.fl_flags & FL_LEASE) for fl in held]
        if not held or leases != sorted(leases, reverse=True):
            wrong.append(f"locks of inode {inode.i_ino}: leases are not the first")
        for fl in held:
            # Who waits for a lease to be given up is counted as well.
            count += sum(1 for waiter in fl.fl_block if waiter.fl_flags & FL_LEASE)
            wrong += _lock(seen, inode, fl)
    active = seen.k.caches["file_lock_cache"].nr_active
    # One who has been woken, or whose time is over, stands in no list until he runs.
    if active < count or active > count + len(seen.tasks):
        wrong.append(f"file_lock_cache objects: {active}, found {count}")
    return wrong


def _lock(seen: Census, inode: Inode, fl: FileLock) -> list[str]:
    name = f"lock of inode {inode.i_ino} from {fl.fl_start}"
    wrong = [f"{name}: who waits for it does not" for waiter in fl.fl_block if waiter.fl_next is not fl]
    if fl.fl_next is not None:
        wrong.append(f"{name} is held, and waits")
    if fl.fl_file is None or fl.fl_file.inode is not inode or fl.fl_file not in seen.open_files:
        wrong.append(f"{name}: its file is not open")
    if not fl.fl_flags & FL_LEASE:
        return wrong
    if [fa.fa_file for fa in fl.fl_fasync or ()] != [fl.fl_file]:
        wrong.append(f"{name}: a lease whose holder would not be told")
    if (fl.fl_break_ns is not None or fl.fl_downgrade_ns is not None) and not lease_breaking(fl):
        wrong.append(f"{name}: a lease that ends though nobody is in its way")
    return wrong


def validate_fasync(seen: Census) -> list[str]:
    """Return whose entries are missing, or left over, in the lists of those with O_ASYNC."""
    if "fasync_cache" not in seen.k.caches:
        return []
    wrong: list[str] = []
    count = 0
    for file in seen.open_files:
        lists = _lists_of(file)
        mine = sum(1 for entries in lists for fa in entries or () if fa.fa_file is file)
        count += mine
        if mine and not file.f_flags & O_ASYNC:
            wrong.append(f"a file of inode {file.inode.i_ino} without O_ASYNC is told")
        if any(fa.fa_file not in seen.open_files for entries in lists for fa in entries or ()):
            wrong.append(f"news of inode {file.inode.i_ino} are for a file that is not open")
        if [] in lists:
            wrong.append(f"an empty list of inode {file.inode.i_ino}")
    active = seen.k.caches["fasync_cache"].nr_active
    if active != count:
        wrong.append(f"fasync_cache objects: {active}, found {count}")
    return wrong


def _lists_of(file: File) -> list[FasyncList | None]:
    """Return all lists that the file can be in: its kind's, and its lease's."""
    found: list[FasyncList | None] = [fl.fl_fasync for fl in file.inode.i_flock or () if fl.fl_file is file]
    if isinstance(file, PipeFile):
        found += (file.pipe.fasync_readers, file.pipe.fasync_writers)
    elif isinstance(file, SocketFile):
        found.append(file.private_data.fasync_list if file.private_data is not None else None)
    elif isinstance(file, TtyFile):
        found.append(file.private_data.fasync)
    elif isinstance(file, RandomFile):
        found.append(file.private_data)
    elif isinstance(file, InotifyFile):
        found.append(file.private_data.fa)
    return found


def validate_dnotify(seen: Census) -> list[str]:
    """Return what F_NOTIFY has left behind: of files that are closed, or not counted."""
    group = seen.k.vfs.dnotify_group
    if group is None:
        return []
    wrong: list[str] = []
    wanted = [dn for mark in group.marks if isinstance(mark, DnotifyMark) for dn in mark.dn]
    if any(dn.dn_filp not in seen.open_files for dn in wanted):
        wrong.append("F_NOTIFY of a directory that is not open")
    for name, found in (("dnotify_struct", len(wanted)), ("dnotify_mark", len(group.marks))):
        if seen.k.caches[name].nr_active != found:
            wrong.append(f"{name} objects: {seen.k.caches[name].nr_active}, found {found}")
    return wrong
