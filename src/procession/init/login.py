"""Whom the first program runs as: what sudo and `docker run --user` look up in the root's own files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from procession.fs import exec as fs_exec
from procession.fs import file_table
from procession.fs import open as fs_open
from procession.include.linux.cred import KEEP_ID
from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fcntl import O_NONBLOCK, O_RDONLY
from procession.include.linux.fs import S_IFMT, S_IFREG
from procession.kernel import cred, sys_ids
from procession.lib import string

if TYPE_CHECKING:
    from procession.include.linux.sched import Task

__all__ = ("Login", "NoSuchEntry", "become", "environment", "find_user", "user_text")

MAX_ID: Final = 0x7FFFFFFF  # of a number in a `user` text, as docker takes it
_USERS: Final = "/etc/passwd"
_GROUPS: Final = "/etc/group"
_USER_FIELDS: Final = 7
_PARTS: Final = 2
_GROUP_FIELDS: Final = 4


class NoSuchEntry(LinuxError):
    """There is no such user or group in the root; an ENOENT, whose text says which."""


class Login(NamedTuple):
    """Who it is: name and shell are empty for a number that /etc/passwd has not."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    name: str
    home: str
    shell: str


def user_text(user: str | int) -> str:
    """Return user as find_user() takes it; raises ValueError for what can name nobody."""
    text = user if isinstance(user, str) else str(int(user))
    parts = text.split(":")
    if len(parts) > _PARTS or not all(parts) or any(set(part) & set(" \t\n,") for part in parts):
        raise ValueError(f"user: NAME, UID, or one of them with :GROUP or :GID behind it, not {text!r}")
    for part in parts:
        if part.lstrip("-").isdecimal() and not _is_id(part):
            raise ValueError(f"user: numbers from 0 to {MAX_ID}, not {part}")
    return text


async def find_user(current: Task, user: str) -> Login:
    """Return who `NAME|UID[:GROUP|GID]` is in the root of current; raises NoSuchEntry.

    A number needs no entry: its group is 0 and its home / then. The supplementary groups are those that /etc/group
    lists the name in, none if a group is given.
    """
    who, _, group = user.partition(":")
    entry = next((row for row in await _rows(current, _USERS, _USER_FIELDS) if who in (row[0], row[2])), None)
    if entry is None and not _is_id(who):
        raise NoSuchEntry(Errno.ENOENT, f"no user {who} in the root's {_USERS}")
    name, _, uid, gid, _, home, shell = entry or ("", "", who, "0", "", "/", "")
    groups: list[int] = []
    if group or name:
        rows = await _rows(current, _GROUPS, _GROUP_FIELDS)
        if group:
            gid = next((row[2] for row in rows if group in (row[0], row[2])), group)
            if not _is_id(gid):
                raise NoSuchEntry(Errno.ENOENT, f"no group {group} in the root's {_GROUPS}")
        else:
            groups = [int(row[2]) for row in rows if name in row[3].split(",")]
    return Login(
        int(uid), int(gid), tuple(sorted(set(groups))), name, home or "/", shell or ("/bin/sh" if name else "")
    )


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) <= MAX_ID


async def _rows(current: Task, path: str, fields: int) -> list[list[str]]:
    """Return the lines of a file like /etc/passwd that have so many fields, the third a number; [] if it has none."""
    rows = [line.split(":") for line in string.to_text(await _contents(current, path)).split("\n")]
    return [
        row for row in rows if len(row) == fields and _is_id(row[2]) and (fields == _GROUP_FIELDS or _is_id(row[3]))
    ]


async def _contents(current: Task, path: str) -> bytes:
    """Return what is in a file; nothing if it is none, or none that can be read: a root without users."""
    try:
        found = await fs_open.filp_open(current, path, O_RDONLY | O_NONBLOCK, 0)
    except LinuxError:
        return b""
    try:
        if found.inode.i_mode & S_IFMT != S_IFREG:
            return b""
        return await fs_exec.kernel_read(current, found, 0, found.inode.i_size)
    except LinuxError:
        return b""
    finally:
        file_table.fput(current, found)


def become(current: Task, login: Login) -> None:
    """Be that user, for good. The standard files are given to it first, so that it may open them by name."""
    if login.uid:
        files = current.files
        assert files is not None
        for fd in range(3):
            if files.fd[fd] is not None:
                fs_open.sys_fchown(current, fd, login.uid, KEEP_ID)
    new = cred.prepare_creds(current)
    new.group_info = login.groups
    cred.commit_creds(current, new)
    sys_ids.sys_setgid(current, login.gid)
    sys_ids.sys_setuid(current, login.uid)


def environment(login: Login, envp: list[str]) -> list[str]:
    """Return envp with HOME, USER, LOGNAME and SHELL where it lacks them."""
    there = {text.partition("=")[0] for text in envp}
    own = (("HOME", login.home), ("USER", login.name), ("LOGNAME", login.name), ("SHELL", login.shell))
    return [*envp, *(f"{name}={value}" for name, value in own if value and name not in there)]
