"""The host's side of hostfs: one directory of the host, or one file, and nothing outside it (fs/hostfs/hostfs_user.c).

Whatever a guest does, the host gets one name at a time, below a directory that is open, and never follows a symbolic
link. What was found is a node, known by a number; it is found again by its name and its directory, and is only used if
it is still the same file. Python's OSError says what the host had against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EINVAL, ELOOP, EMFILE, ENFILE, ENOENT, ENOTDIR, EPERM, EROFS, ESTALE
import os
from pathlib import Path
import stat
import sys
import time
from typing import Final

from procession.fs.hostfs.hostfs import Attr
from procession.fs.hostfs.mountinfo import kernels_own_devices
from procession.fs.lower import DIRECTORY_SIZE, FdCache
from procession.include.linux.kdev_t import new_encode_dev

__all__ = ("HostDirectory",)

_DIR_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
# Looks at a file without opening it, where the host has that.
_NO_OPEN: Final = os.O_PATH if sys.platform == "linux" else os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY
_PATH_FLAGS: Final = _NO_OPEN | os.O_NOFOLLOW | os.O_CLOEXEC
_SET_ID: Final = stat.S_ISUID | stat.S_ISGID


class _Node:
    """A file that was seen. dir, name: where last; the root has no dir.

    fd, wfd: descriptors to read and write, -1 if there is none; they may be the same.  opens: who needs them.
    gone: its last name was removed.  hidden: a directory that is shown empty.  stamp: (mtime, size) as seen last.
    told: as it was when somebody else had changed it last, which made it that version.
    """

    __slots__ = (
        "dev_ino",
        "dir",
        "fd",
        "gone",
        "hidden",
        "kind",
        "name",
        "number",
        "opens",
        "stamp",
        "told",
        "version",
        "wfd",
    )

    def __init__(self, number: int, directory: _Node | None, name: bytes, st: os.stat_result) -> None:
        self.number = number
        self.dir = directory
        self.name = name
        self.dev_ino = (st.st_dev, st.st_ino)
        self.kind = stat.S_IFMT(st.st_mode)
        self.fd = self.wfd = -1
        self.opens = 0
        self.gone = self.hidden = False
        self.stamp = self.told = (st.st_mtime_ns, st.st_size)
        self.version = 0

    def is_still(self, st: os.stat_result) -> bool:
        """Whether st is of this file. The host may use the number of one that is gone for another at once."""
        return (st.st_dev, st.st_ino) == self.dev_ino and stat.S_IFMT(st.st_mode) == self.kind


class HostDirectory:
    """A directory of the host, or one file."""

    def __init__(self, path: str | Path, *, writable: bool) -> None:
        """Open it; raises OSError. writable: whether anything there may be changed."""
        self._writable = writable
        self._dirs = FdCache(64)
        self._nodes: dict[int, _Node] = {}
        self._numbers: dict[tuple[int, int], int] = {}
        self._last_number = 0
        self._fresh: _Node | None = None  # open since it was made, for whoever made it
        self._devices: dict[int, bool] = {}  # st_dev: whether the host's kernel speaks there
        self._root: _Node | None = None  # should opening fail
        self._root = self._open_root(str(path))

    def _open_root(self, path: str) -> _Node:
        st = Path(path).stat()
        if not stat.S_ISDIR(st.st_mode) and not stat.S_ISREG(st.st_mode):
            raise OSError(EINVAL, "neither a directory nor a regular file", path)
        if self._is_kernels(st.st_dev):
            raise OSError(EINVAL, "the host's kernel speaks there, which is not shared", path)
        flags = os.O_RDWR if self._writable and stat.S_ISREG(st.st_mode) else os.O_RDONLY
        fd = os.open(path, flags | _FILE_FLAGS & ~os.O_NOFOLLOW)
        root = self._node(None, b"", os.fstat(fd))
        root.fd = fd
        root.opens = 1
        if self._writable and root.kind == stat.S_IFREG:
            root.wfd = fd
        return root

    def __del__(self) -> None:
        self.rest()
        if self._root is not None:
            _close_fds(self._root)

    def rest(self) -> None:
        """Close everything but the root."""
        self._dirs.close()
        self._fresh = None
        for node in self._nodes.values():
            if node is not self._root:
                _close_fds(node)

    # Nodes.

    def _node(self, directory: _Node | None, name: bytes, st: os.stat_result) -> _Node:
        """Return the node of a file that was found just now."""
        key = (st.st_dev, st.st_ino)
        number = self._numbers.get(key) or self._number(key)
        node = self._nodes.get(number)
        if node is not None and node.kind != stat.S_IFMT(st.st_mode):
            node = None  # the host has used its number again
            number = self._number(key)
        if node is None:
            node = self._nodes[number] = _Node(number, directory, name, st)
            node.hidden = self._is_kernels(st.st_dev)
        elif directory is not None:
            node.dir, node.name = directory, name
        return node

    def _number(self, key: tuple[int, int]) -> int:
        """Give a file of the host a number."""
        self._last_number += 1
        self._numbers[key] = self._last_number
        return self._last_number

    def _is_kernels(self, dev: int) -> bool:
        """Whether the file system of this st_dev is the host's kernel speaking, and not files."""
        known = self._devices.get(dev)
        if known is None:
            known = self._devices[dev] = dev in kernels_own_devices()
        return known

    def _attr(self, node: _Node, st: os.stat_result) -> Attr:
        """Say what a file is like; what somebody else has done to it makes a new version."""
        now = (st.st_mtime_ns, st.st_size)
        if now != node.stamp:
            node.stamp = node.told = now
            node.version += 1
        size = DIRECTORY_SIZE if node.kind == stat.S_IFDIR else node.told[1]
        rdev = new_encode_dev(os.major(st.st_rdev), os.minor(st.st_rdev))
        return Attr(node.number, st.st_mode, st.st_uid, st.st_gid, st.st_nlink, rdev, node.version, size, node.told[0])

    def _changed(self, node: _Node, fd: int) -> None:
        """What is on the host now is what was done from inside."""
        st = os.fstat(fd)
        node.stamp = (st.st_mtime_ns, st.st_size)

    def _at(self, number: int) -> _Node:
        node = self._nodes.get(number)
        if node is None:
            raise OSError(ESTALE, "no such file any more")
        return node

    # Descriptors.

    def _dir_fd(self, node: _Node) -> int:
        """Return a directory's descriptor: its own, or one of those opened lately."""
        way = []
        while (fd := self._have_fd(node)) is None:
            if node.dir is None:
                raise OSError(ESTALE, "the directory is gone")
            way.append(node)
            node = node.dir
        for below in reversed(way):
            fd = self._dirs.put(below, self._open(below, _DIR_FLAGS, fd))
        return fd

    def _have_fd(self, node: _Node) -> int | None:
        return node.fd if node.fd >= 0 else self._dirs.get(node)

    def _open(self, node: _Node, flags: int, dir_fd: int) -> int:
        """Open a node by its name; raises ESTALE if that is another file now."""
        try:
            fd = self._host_open(node.name, flags, dir_fd)
        except OSError as error:
            if error.errno in (ENOENT, ELOOP, ENOTDIR):
                raise OSError(ESTALE, "changed on the host") from error
            raise
        st = os.fstat(fd)
        if not node.is_still(st):
            os.close(fd)
            raise OSError(ESTALE, "changed on the host")
        return fd

    def _host_open(self, name: bytes, flags: int, dir_fd: int, mode: int = 0) -> int:
        try:
            return os.open(name, flags, mode, dir_fd=dir_fd)
        except OSError as error:
            if error.errno not in (EMFILE, ENFILE):
                raise
        self._rest(dir_fd)
        return os.open(name, flags, mode, dir_fd=dir_fd)

    def _rest(self, keep: int) -> None:
        """Close what is only kept open for speed, but not keep."""
        self._dirs.close(keep)
        self._drop_fresh()

    def _parent_fd(self, node: _Node) -> int:
        if node.dir is None:
            raise OSError(ESTALE, "it has no name any more")
        return self._dir_fd(node.dir)

    @contextmanager
    def _fd(self, node: _Node, *, write: bool = False) -> Iterator[int]:
        """Lend a descriptor of a regular file or directory, opened for the occasion if it is not open."""
        fd = node.wfd if write else node.fd
        if fd >= 0:
            yield fd
            return
        fd = self._open_file(node, write=write)
        try:
            yield fd
        finally:
            os.close(fd)

    def _open_file(self, node: _Node, *, write: bool) -> int:
        if node.kind == stat.S_IFDIR:
            return self._open(node, _DIR_FLAGS, self._parent_fd(node))
        if node.kind != stat.S_IFREG:
            raise OSError(EINVAL, "not a regular file")
        if not write:
            return self._open(node, os.O_RDONLY | _FILE_FLAGS, self._parent_fd(node))
        try:
            return self._open(node, os.O_RDWR | _FILE_FLAGS, self._parent_fd(node))
        except PermissionError:
            return self._open(node, os.O_WRONLY | _FILE_FLAGS, self._parent_fd(node))

    def _drop_fresh(self) -> None:
        node, self._fresh = self._fresh, None
        if node is not None and not node.opens:
            _close_fds(node)

    def _check_writable(self) -> None:
        if not self._writable:
            raise OSError(EROFS, "shared for reading only")

    # What the guest's kernel asks for.

    def root(self) -> Attr:
        """Return what is shared."""
        assert self._root is not None
        return self._attr(self._root, os.fstat(self._root.fd))

    def lookup(self, directory: int, name: bytes) -> Attr | None:
        """Look a name up, without following it."""
        parent = self._at(directory)
        if parent.hidden:
            return None
        try:
            st = os.stat(_component(name), dir_fd=self._dir_fd(parent), follow_symlinks=False)
        except FileNotFoundError:
            return None
        if self._is_kernels(st.st_dev) and not stat.S_ISDIR(st.st_mode):
            return None
        return self._attr(self._node(parent, name, st), st)

    def getattr(self, node: int) -> Attr:
        """Look at a file, by its descriptor or its name."""
        found = self._at(node)
        return self._attr(found, self._stat(found))

    def _stat(self, node: _Node) -> os.stat_result:
        if node.fd >= 0 or node.wfd >= 0:
            return os.fstat(max(node.fd, node.wfd))
        try:
            st = os.stat(node.name, dir_fd=self._parent_fd(node), follow_symlinks=False)
        except FileNotFoundError:
            raise OSError(ESTALE, "changed on the host") from None
        if not node.is_still(st):
            raise OSError(ESTALE, "changed on the host")
        return st

    def listdir(self, directory: int) -> list[tuple[bytes, int, int]]:
        """List a directory."""
        node = self._at(directory)
        if node.hidden:
            return []
        # Not through a descriptor that others use: each has one place in the directory.
        fd = os.open(b".", _DIR_FLAGS, dir_fd=self._dir_fd(node))
        try:
            with os.scandir(fd) as entries:
                found = [(os.fsencode(entry.name), _entry_type(entry), entry.inode()) for entry in entries]
        finally:
            os.close(fd)
        found.sort()
        dev = node.dev_ino[0]
        return [(name, kind, self._numbers.get((dev, ino)) or self._number((dev, ino))) for name, kind, ino in found]

    def readlink(self, node: int) -> bytes:
        """Read a link's text."""
        found = self._at(node)
        return os.readlink(found.name, dir_fd=self._parent_fd(found))

    def open(self, node: int, write: bool) -> None:
        """Open for reading, or for both: what is mapped or half written is read too, if the host lets us."""
        found = self._at(node)
        if write:
            self._check_writable()
        if write and found.wfd < 0:
            found.wfd = self._open_file(found, write=True)
            if found.fd < 0:
                found.fd = self._fd_to_read(found)
        elif not write and found.fd < 0:
            found.fd = self._open_file(found, write=False)
        found.opens += 1
        if self._fresh is found:
            self._fresh = None

    def _fd_to_read(self, node: _Node) -> int:
        """Return the descriptor that writes, if it reads as well."""
        try:
            os.pread(node.wfd, 0, 0)
        except OSError:
            return -1
        return node.wfd

    def close(self, node: int) -> None:
        """Close, if nobody else needs it."""
        found = self._at(node)
        found.opens -= 1
        if found.opens:
            return
        _close_fds(found)
        if found.gone:
            self._drop(found)

    def pread(self, node: int, offset: int, n: int) -> bytes:
        """Read from a file."""
        with self._fd(self._at(node)) as fd:
            return os.pread(fd, n, offset)

    def pwrite(self, node: int, offset: int, data: bytes) -> int:
        """Write to a file."""
        self._check_writable()
        found = self._at(node)
        done = 0
        with self._fd(found, write=True) as fd:
            try:
                while done < len(data):
                    done += os.pwrite(fd, data[done:] if done else data, offset + done)
            except OSError:
                if not done:
                    raise
            finally:
                self._changed(found, fd)
        return done

    def truncate(self, node: int, size: int) -> None:
        """Set the size of a file."""
        self._check_writable()
        found = self._at(node)
        with self._fd(found, write=True) as fd:
            os.ftruncate(fd, size)
            self._changed(found, fd)

    def fsync(self, node: int) -> None:
        """Bring a file to the disk."""
        with self._fd(self._at(node)) as fd:
            os.fsync(fd)

    def create(self, directory: int, name: bytes, mode: int) -> Attr:
        """Make a file; set-id bits, and devices, are refused with EPERM."""
        self._check_writable()
        kind = stat.S_IFMT(mode)
        if kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFIFO, stat.S_IFSOCK):
            raise OSError(EPERM, "no device is made on the host")
        _check_mode(kind, mode)
        parent, name = self._place(directory, name)
        dir_fd = self._dir_fd(parent)
        if kind == stat.S_IFREG:
            return self._create_file(parent, name, mode, dir_fd)
        if kind == stat.S_IFDIR:
            os.mkdir(name, 0o700, dir_fd=dir_fd)
        else:
            os.mknod(name, kind | 0o600, dir_fd=dir_fd)
        node = self._made(parent, name, dir_fd)
        inherited = self._stat(node).st_mode & stat.S_ISGID
        self.chmod(node.number, mode | inherited)
        return self.getattr(node.number)

    def _create_file(self, parent: _Node, name: bytes, mode: int, dir_fd: int) -> Attr:
        """Make a file and keep it open: whoever made it may write to it, whatever its mode says."""
        self._drop_fresh()
        fd = self._host_open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FILE_FLAGS, dir_fd, 0o600)
        os.fchmod(fd, stat.S_IMODE(mode))
        node = self._made(parent, name, dir_fd)
        _close_fds(node)
        node.fd = node.wfd = fd
        self._fresh = node
        return self._attr(node, os.fstat(fd))

    def _made(self, parent: _Node, name: bytes, dir_fd: int) -> _Node:
        """Return the node of what was made just now: no older one, should the host have used a number again."""
        st = os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
        old = self._nodes.get(self._numbers.pop((st.st_dev, st.st_ino), 0))
        if old is not None:
            self._drop(old)
        self._changed(parent, dir_fd)
        return self._node(parent, name, st)

    def _drop(self, node: _Node) -> None:
        """Forget a file that is gone."""
        self._dirs.drop(node)
        if self._fresh is node:
            self._drop_fresh()
        if self._numbers.get(node.dev_ino) == node.number:
            del self._numbers[node.dev_ino]
        del self._nodes[node.number]

    def _place(self, directory: int, name: bytes) -> tuple[_Node, bytes]:
        """Return the directory in which a name is to be made or taken away, and the name."""
        parent = self._at(directory)
        if parent.hidden:
            raise OSError(EPERM, "the host's kernel speaks there")
        return parent, _component(name)

    def symlink(self, directory: int, name: bytes, target: bytes) -> Attr:
        """Make a symbolic link, whose text nobody looks at on the host."""
        self._check_writable()
        parent, name = self._place(directory, name)
        dir_fd = self._dir_fd(parent)
        os.symlink(target, name, dir_fd=dir_fd)
        return self.getattr(self._made(parent, name, dir_fd).number)

    def link(self, node: int, directory: int, name: bytes) -> None:
        """Make another name, if the old one is still the file's."""
        self._check_writable()
        found = self._at(node)
        parent, name = self._place(directory, name)
        with self._dup(self._parent_fd(found)) as old_fd:
            dir_fd = self._dir_fd(parent)
            st = os.stat(found.name, dir_fd=old_fd, follow_symlinks=False)
            if not found.is_still(st):
                raise OSError(ESTALE, "changed on the host")
            os.link(found.name, name, src_dir_fd=old_fd, dst_dir_fd=dir_fd, follow_symlinks=False)
            self._changed(parent, dir_fd)

    @contextmanager
    def _dup(self, fd: int) -> Iterator[int]:
        """Lend a directory's descriptor that looking for another one does not close."""
        own = os.dup(fd)
        try:
            yield own
        finally:
            os.close(own)

    def remove(self, directory: int, name: bytes, is_dir: bool) -> None:
        """Unlink a name, or remove an empty directory."""
        self._check_writable()
        parent, name = self._place(directory, name)
        dir_fd = self._dir_fd(parent)
        gone = self.lookup(directory, name)
        if is_dir:
            os.rmdir(name, dir_fd=dir_fd)
        else:
            os.unlink(name, dir_fd=dir_fd)
        self._changed(parent, dir_fd)
        if gone is not None:
            self._unnamed(gone)

    def _unnamed(self, gone: Attr) -> None:
        """A name of a file is gone; the number of one that is gone itself may be used again by the host."""
        node = self._nodes.get(gone.node)
        if node is None:
            return
        node.dir = None
        if gone.nlink > 1 and node.kind != stat.S_IFDIR:
            return
        node.gone = True
        if not node.opens:
            self._drop(node)

    def rename(self, directory: int, name: bytes, to: int, new: bytes) -> None:
        """Move a name."""
        self._check_writable()
        parent, name = self._place(directory, name)
        other, new = self._place(to, new)
        moved, gone = self.lookup(directory, name), self.lookup(to, new)
        with self._dup(self._dir_fd(parent)) as old_fd:
            new_fd = self._dir_fd(other)
            os.rename(name, new, src_dir_fd=old_fd, dst_dir_fd=new_fd)
            self._changed(parent, old_fd)
            self._changed(other, new_fd)
        if gone is not None and (moved is None or gone.node != moved.node):
            self._unnamed(gone)
        if moved is not None:
            node = self._at(moved.node)
            node.dir, node.name = other, new

    def chmod(self, node: int, mode: int) -> None:
        """Set the permission bits; set-id bits are refused with EPERM."""
        self._check_writable()
        found = self._at(node)
        _check_mode(found.kind, mode & ~self._stat(found).st_mode)
        mode = stat.S_IMODE(mode)
        if found.fd >= 0 or found.wfd >= 0:
            os.fchmod(max(found.fd, found.wfd), mode)
            return
        fd = self._open(found, _PATH_FLAGS, self._parent_fd(found))
        try:
            if stat.S_ISLNK(os.fstat(fd).st_mode):
                raise OSError(EPERM, "the mode of a symbolic link")
            if sys.platform == "linux":
                Path(f"/proc/self/fd/{fd}").chmod(mode)
            else:
                os.fchmod(fd, mode)
        finally:
            os.close(fd)

    def chown(self, node: int, uid: int, gid: int) -> None:
        """Set the owner."""
        self._check_writable()
        found = self._at(node)
        if found.fd >= 0 or found.wfd >= 0:
            os.fchown(max(found.fd, found.wfd), uid, gid)
            return
        self._stat(found)
        os.chown(found.name, uid, gid, dir_fd=self._parent_fd(found), follow_symlinks=False)

    def utime(self, node: int, atime_ns: int | None, mtime_ns: int | None) -> None:
        """Set the times."""
        self._check_writable()
        found = self._at(node)
        st = self._stat(found)
        times = (_time(atime_ns, st.st_atime_ns), _time(mtime_ns, st.st_mtime_ns))
        if found.fd >= 0 or found.wfd >= 0:
            os.utime(max(found.fd, found.wfd), ns=times)
        else:
            os.utime(found.name, ns=times, dir_fd=self._parent_fd(found), follow_symlinks=False)
        st = self._stat(found)
        found.stamp = (st.st_mtime_ns, st.st_size)

    def give(self, node: int, uid: int, gid: int) -> Attr:
        """Change the owner if that may be; whoever is not the host's root makes all files their own."""
        self._check_writable()
        found = self._at(node)
        st = self._stat(found)
        if (st.st_uid, st.st_gid) != (uid, gid):
            with suppress(PermissionError):
                self.chown(node, uid, gid)
        return self.getattr(node)


def _time(ns: int | None, old: int) -> int:
    if ns is None:
        return old
    return time.time_ns() if ns < 0 else ns


def _close_fds(node: _Node) -> None:
    fds = {node.fd, node.wfd} - {-1}
    node.fd = node.wfd = -1
    for fd in fds:
        os.close(fd)


def _component(name: bytes) -> bytes:
    """Return name if it is one component and leads nowhere else; raises OSError."""
    if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
        raise OSError(EINVAL, "not a name in a directory")
    return name


def _check_mode(kind: int, mode: int) -> None:
    """Raise EPERM for a file that would run as its owner on the host."""
    if kind != stat.S_IFDIR and mode & _SET_ID:
        raise OSError(EPERM, "no set-id bits on the host")


def _entry_type(entry: os.DirEntry[str]) -> int:
    if entry.is_symlink():
        return stat.S_IFLNK
    if entry.is_dir(follow_symlinks=False):
        return stat.S_IFDIR
    if entry.is_file(follow_symlinks=False):
        return stat.S_IFREG
    try:
        return stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return 0
