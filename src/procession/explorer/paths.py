"""Where a path leads, found out before the call that asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from procession.fs import namei
from procession.include.linux.errno import LinuxError
from procession.include.linux.fs import S_IFLNK, S_IFMT
from procession.include.linux.limits import PATH_MAX
from procession.tools.peek import peek

if TYPE_CHECKING:
    from procession.include.linux.fs import Inode
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.sched import Task

__all__ = ("GENERATED", "Walk", "bytes_at", "text_at", "walk")

# File systems whose contents are made as somebody looks.
GENERATED: Final = frozenset({"proc", "sysfs", "cgroup", "debugfs"})


class Walk(NamedTuple):
    """A path that was walked.

    names: all that were looked up, those of symbolic links, too.  parent: the directory of the last one, inode: what it
    leads to, None where there is none.  generated: it leads into a file system whose contents are made as one looks.
    """

    names: tuple[str, ...]
    parent: Inode | None
    inode: Inode | None
    generated: bool


def walk(task: Task, dfd: int, path: str, *, follow: bool) -> Walk:
    """Return where path leads; follow: also if its last name is that of a symbolic link."""
    names: list[str] = []
    try:
        nd = namei.path_init(task, dfd, path)
    except LinuxError:
        return Walk((), None, None, False)
    rest = _parts(path)
    links = 0
    parent: Inode | None = None
    while rest:
        mnt, dentry = nd.mnt, nd.dentry
        parent = dentry.d_inode
        if parent.i_sb.s_type in GENERATED:
            return Walk(tuple(names), None, None, True)
        nd.last = rest.pop()
        nd.last_type = namei.LAST_DOTDOT if nd.last == ".." else namei.LAST_NORM
        if nd.last != "..":
            names.append(nd.last)
        try:
            namei.walk_component(nd, follow=False)
        except LinuxError:
            return Walk(tuple(names), None if rest else parent, None, False)
        inode = nd.dentry.d_inode
        if inode.i_mode & S_IFMT == S_IFLNK and (rest or follow):
            links += 1
            if links > namei.MAX_LINKS:
                return Walk(tuple(names), None, None, False)
            text = inode.readlink(task)
            nd.mnt, nd.dentry = (nd.root.mnt, nd.root.dentry) if text.startswith("/") else (mnt, dentry)
            rest += _parts(text)
    inode = nd.dentry.d_inode
    return Walk(tuple(names), parent, inode, inode.i_sb.s_type in GENERATED)


def _parts(path: str) -> list[str]:
    """Return the names of a path, the first one last."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def text_at(k: Kernel, task: Task, pointer: Any) -> str:
    """Return the path at a user pointer, as far as there is one, or that is these bytes."""
    if isinstance(pointer, bytes):
        return pointer.split(b"\0", 1)[0].decode(errors="surrogateescape")
    if not isinstance(pointer, int):
        try:
            data: bytes = pointer.load(0, len(pointer))
        except AttributeError:
            return ""
        return data.split(b"\0", 1)[0].decode(errors="surrogateescape")
    out = b""
    while task.mm is not None and b"\0" not in out and len(out) < PATH_MAX:
        part = peek(k, task.mm, pointer + len(out), 64 - (pointer + len(out)) % 64)
        if part is None:
            break
        out += part
    return out.split(b"\0", 1)[0].decode(errors="surrogateescape")


def bytes_at(k: Kernel, task: Task, pointer: Any, size: int) -> bytes:
    """Return what is at a user pointer, b"" where nothing is."""
    if not isinstance(pointer, int):
        try:
            data: bytes = pointer.load(0, min(size, len(pointer)))
        except AttributeError:
            return b""
        return data
    found = None if task.mm is None else peek(k, task.mm, pointer, size)
    return b"" if found is None else found
