"""What an overlay shows from outside: host directories and tar archives, read only (ours).

A Lower is one file there. It is named by the overlay, looked at without following symbolic links, and only regular
files and directories are ever opened. OSError means that the host failed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from errno import EINVAL
import gzip
from io import BytesIO
import lzma
import os
from pathlib import Path
import stat
import tarfile
import tempfile
from typing import IO, Any, Final, Protocol
import zlib

from procession.include.linux.errno import Errno, LinuxError
from procession.include.linux.fs import S_IALLUGO
from procession.include.linux.kdev_t import new_encode_dev
from procession.include.linux.time import NSEC_PER_SEC
from procession.lib import string

__all__ = ("DIRECTORY_SIZE", "FdCache", "HostTree", "Lower", "TarTree", "open_lower")

_DIR_FLAGS: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


DIRECTORY_SIZE: Final = 4096  # ext4's smallest


class Lower(Protocol):
    """A file of the layer below. Names are text with surrogate escapes.

    mode, uid, gid, nlink, size, rdev (as Linux encodes it), mtime_ns, ctime_ns: as stat(2) shows them.
    key: equal for hard links of one file, None if it has only one name.
    """

    mode: int
    uid: int
    gid: int
    nlink: int
    size: int
    rdev: int
    mtime_ns: int
    ctime_ns: int
    key: object

    def path(self) -> str:
        """Return where in the host's directory it is, "" if it is no file of its own there."""
        ...

    def lookup(self, name: str) -> Lower | None:
        """Return the member called name of a directory."""
        ...

    def listdir(self) -> list[tuple[str, int]]:
        """Return (name, type bits of the mode or 0) of all members of a directory, sorted by name."""
        ...

    def readlink(self) -> str:
        """Return the text of a symbolic link."""
        ...

    def prepare(self) -> None:
        """Make sure that a regular file can be read."""
        ...

    def pread(self, offset: int, n: int) -> bytes:
        """Return up to n bytes of a regular file."""
        ...

    def rest(self) -> None:
        """Close what is only kept open for speed, in the whole tree."""
        ...


def _host_error(error: OSError) -> LinuxError | OSError:
    """Translate what a guest may see of the host's failures."""
    if isinstance(error, FileNotFoundError):
        return LinuxError(Errno.ENOENT, f"host: {error.strerror}")
    if isinstance(error, PermissionError):
        return LinuxError(Errno.EACCES, f"host: {error.strerror}")
    return error


class FdCache:
    """Host descriptors, the least recently used closed first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._fds: OrderedDict[object, int] = OrderedDict()

    def get(self, key: object) -> int | None:
        """Return what belongs to key."""
        fd = self._fds.get(key)
        if fd is not None:
            self._fds.move_to_end(key)
        return fd

    def put(self, key: object, fd: int) -> int:
        """Keep fd for key, and return it."""
        self._fds[key] = fd
        if len(self._fds) > self._limit:
            os.close(self._fds.popitem(last=False)[1])
        return fd

    def drop(self, key: object) -> None:
        """Close what belongs to key."""
        fd = self._fds.pop(key, None)
        if fd is not None:
            os.close(fd)

    def close(self, keep: int = -1) -> None:
        """Close all but keep."""
        for key, fd in list(self._fds.items()):
            if fd != keep:
                del self._fds[key]
                os.close(fd)


class HostTree:
    """A host directory. It is opened once; everything below is reached from there, a component at a time."""

    def __init__(self, path: str, hidden: Iterable[str] = ()) -> None:
        """Open path. hidden: directories at its top that are shown empty."""
        # Descriptors only for what was used lately, so that a guest cannot use up the host's.
        self.dirs = FdCache(64)
        self.files = FdCache(128)
        self.root_fd = -1  # should opening fail
        self.root_fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self.hidden = frozenset(hidden)
        self.root = HostLower(self, None, "", os.fstat(self.root_fd))

    def rest(self) -> None:
        """Close all descriptors but the root's; they are opened again when they are needed."""
        self.dirs.close()
        self.files.close()

    def __del__(self) -> None:
        if self.root_fd >= 0:
            self.rest()
            os.close(self.root_fd)


class HostLower:
    """A file of a host directory."""

    __slots__ = (
        "_dev_ino",
        "ctime_ns",
        "gid",
        "key",
        "mode",
        "mtime_ns",
        "name",
        "nlink",
        "parent",
        "rdev",
        "size",
        "tree",
        "uid",
    )

    def __init__(self, tree: HostTree, parent: HostLower | None, name: str, st: os.stat_result) -> None:
        self.tree = tree
        self.parent = parent
        self.name = name
        self.mode = st.st_mode
        self.uid = st.st_uid
        self.gid = st.st_gid
        self.nlink = st.st_nlink
        # What the host's file system makes of directories and its clock of changes says nothing about the files: the
        # same tree is the same on any machine.
        self.size = DIRECTORY_SIZE if stat.S_ISDIR(st.st_mode) else st.st_size
        self.rdev = new_encode_dev(os.major(st.st_rdev), os.minor(st.st_rdev))
        self.mtime_ns = st.st_mtime_ns
        self.ctime_ns = st.st_mtime_ns
        self._dev_ino = (st.st_dev, st.st_ino)
        self.key: object = self._dev_ino if st.st_nlink > 1 and not stat.S_ISDIR(st.st_mode) else None

    def _check_unchanged(self, fd: int) -> int:
        """Make sure that fd is the file that was looked up, and nothing put in its place since."""
        st = os.fstat(fd)
        if (st.st_dev, st.st_ino) != self._dev_ino:
            os.close(fd)
            raise OSError(f"{self.name}: changed on the host during the run")
        return fd

    def _dir_fd(self) -> int:
        if self.parent is None:
            return self.tree.root_fd
        fd = self.tree.dirs.get(self)
        if fd is None:
            try:
                fd = self._check_unchanged(os.open(self.name, _DIR_FLAGS, dir_fd=self.parent._dir_fd()))
            except PermissionError as error:
                raise LinuxError(Errno.EACCES, f"host: {error.strerror}") from error
            self.tree.dirs.put(self, fd)
        return fd

    def path(self) -> str:
        """Return the names that lead there."""
        names = []
        node = self
        while node.parent is not None:
            names.append(node.name)
            node = node.parent
        return "/" + "/".join(reversed(names))

    def _is_hidden(self) -> bool:
        return self.parent is not None and self.parent.parent is None and self.name in self.tree.hidden

    def lookup(self, name: str) -> Lower | None:
        """Look a name up with lstat; raises EACCES, OSError."""
        if self._is_hidden():
            return None
        fd = self._dir_fd()
        try:
            st = os.stat(name, dir_fd=fd, follow_symlinks=False)
        except (FileNotFoundError, UnicodeEncodeError):
            return None
        except OSError as error:
            raise _host_error(error) from error
        return HostLower(self.tree, self, name, st)

    def listdir(self) -> list[tuple[str, int]]:
        """List the directory; raises EACCES, OSError."""
        if self._is_hidden():
            return []
        fd = self._dir_fd()
        try:
            with os.scandir(fd) as entries:
                found = [(entry.name, _entry_type(entry)) for entry in entries]
        except OSError as error:
            raise _host_error(error) from error
        found.sort()
        return found

    def readlink(self) -> str:
        """Read the link's text; raises OSError."""
        assert self.parent is not None
        try:
            return os.readlink(self.name, dir_fd=self.parent._dir_fd())
        except OSError as error:
            raise _host_error(error) from error

    def _file_fd(self) -> int:
        fd = self.tree.files.get(self)
        if fd is None:
            if not stat.S_ISREG(self.mode):
                raise LinuxError(Errno.EIO, "not a regular file")
            assert self.parent is not None
            fd = self._check_unchanged(os.open(self.name, _FILE_FLAGS, dir_fd=self.parent._dir_fd()))
            self.tree.files.put(self, fd)
        return fd

    def prepare(self) -> None:
        """Open the file; raises EACCES, OSError."""
        try:
            self._file_fd()
        except PermissionError as error:
            raise LinuxError(Errno.EACCES, f"host: {error.strerror}") from error

    def pread(self, offset: int, n: int) -> bytes:
        """Read from the file; raises OSError."""
        return os.pread(self._file_fd(), n, offset)

    def rest(self) -> None:
        """Close what is only kept open for speed."""
        self.tree.rest()


def _entry_type(entry: os.DirEntry[str]) -> int:
    if entry.is_symlink():
        return stat.S_IFLNK
    if entry.is_dir(follow_symlinks=False):
        return stat.S_IFDIR
    if entry.is_file(follow_symlinks=False):
        return stat.S_IFREG
    return 0


class TarLower:
    """A member of a tar archive."""

    __slots__ = (
        "children",
        "ctime_ns",
        "gid",
        "key",
        "mode",
        "mtime_ns",
        "nlink",
        "offset",
        "rdev",
        "size",
        "sparse",
        "target",
        "tree",
        "uid",
    )

    def __init__(self, tree: TarTree, mode: int) -> None:
        self.tree = tree
        self.mode = mode
        self.uid = self.gid = self.rdev = self.mtime_ns = self.ctime_ns = 0
        self.size = DIRECTORY_SIZE if stat.S_ISDIR(mode) else 0
        self.nlink = 1
        self.offset = 0
        self.target = ""
        self.sparse: bytes | None = None
        self.key: object = None
        self.children: dict[str, TarLower] = {}

    def path(self) -> str:
        """Return "": the archive is the file."""
        return ""

    def lookup(self, name: str) -> Lower | None:
        """Return the member called name."""
        return self.children.get(name)

    def listdir(self) -> list[tuple[str, int]]:
        """List the directory."""
        return sorted((name, stat.S_IFMT(child.mode)) for name, child in self.children.items())

    def readlink(self) -> str:
        """Return the link's text."""
        return self.target

    def prepare(self) -> None:
        """Nothing: the archive is open."""

    def pread(self, offset: int, n: int) -> bytes:
        """Read from the member; raises OSError."""
        n = min(n, self.size - offset)
        if n <= 0:
            return b""
        if self.sparse is not None:
            return self.sparse[offset : offset + n]
        return os.pread(self.tree.data.fileno(), n, self.offset + offset)

    def rest(self) -> None:
        """There is one file, and that is the archive."""


class TarTree:
    """A tar archive, indexed once. A compressed one is unpacked into an anonymous temporary file first."""

    def __init__(self, path: str) -> None:
        """Open and index path; raises tarfile.TarError, OSError."""
        self.data: IO[bytes] = BytesIO()  # should opening fail
        self.data = _open_tar(path)
        self.root = TarLower(self, stat.S_IFDIR | 0o755)
        self.root.nlink = 2
        # A fixed coding: what a guest sees does not depend on the host's locale.
        with tarfile.open(fileobj=self.data, mode="r:", encoding="utf-8", errors="surrogateescape") as tar:
            for info in tar:
                self._add(tar, info)
            # Python's reader ends in silence at a header that it cannot read, as older ones do at a negative size.
            self.data.seek(tar.offset)
            if self.data.read(tarfile.BLOCKSIZE).strip(b"\0"):
                raise ValueError("a header in the middle is damaged")

    def __del__(self) -> None:
        self.data.close()

    def _add(self, tar: tarfile.TarFile, info: tarfile.TarInfo) -> None:
        parts = _parts(info.name)
        if parts is None:
            return  # "..": leads out of the archive
        if not parts:
            if info.isdir():
                _set_attributes(self.root, info)
            return
        parent = self._directory(parts[:-1])
        if info.islnk():
            target = self._find(info.linkname)
            if target is not None:
                if target.key is None:
                    target.key = target
                target.nlink += 1
                parent.children[parts[-1]] = target
            return
        old = parent.children.get(parts[-1])
        if info.isdir() and old is not None and stat.S_ISDIR(old.mode):
            _set_attributes(old, info)
            return
        node = TarLower(self, _kind(info))
        _set_attributes(node, info)
        if info.isdir():
            node.nlink = 2
            parent.nlink += 1
        elif info.issparse():
            stream = tar.extractfile(info)
            node.sparse = stream.read() if stream is not None else b""
        parent.children[parts[-1]] = node

    def _directory(self, parts: list[str]) -> TarLower:
        """Return a directory, made if the archive has not mentioned it."""
        node = self.root
        for part in parts:
            child = node.children.get(part)
            if child is None or not stat.S_ISDIR(child.mode):
                child = node.children[part] = TarLower(self, stat.S_IFDIR | 0o755)
                child.nlink = 2
                node.nlink += 1
            node = child
        return node

    def _find(self, name: str) -> TarLower | None:
        node: TarLower | None = self.root
        for part in _parts(name) or []:
            if node is None:
                return None
            node = node.children.get(part)
        return node


def _open_tar(path: str) -> IO[bytes]:
    """Return the uncompressed archive as an open file."""
    try:
        with tarfile.open(path, "r:"):
            pass
        return Path(path).open("rb")
    except tarfile.ReadError:
        pass
    data: Any = tempfile.TemporaryFile()  # noqa: SIM115
    try:
        with tarfile.open(path, "r:*") as tar:
            stream: Any = tar.fileobj
            stream.seek(0)
            while chunk := stream.read(1 << 20):
                data.write(chunk)
        data.flush()
    except BaseException:
        data.close()
        raise
    data.seek(0)
    result: IO[bytes] = data
    return result


def _parts(name: str) -> list[str] | None:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return None if ".." in parts else parts


def _kind(info: tarfile.TarInfo) -> int:
    if info.isdir():
        return stat.S_IFDIR
    if info.issym():
        return stat.S_IFLNK
    if info.ischr():
        return stat.S_IFCHR
    if info.isblk():
        return stat.S_IFBLK
    if info.isfifo():
        return stat.S_IFIFO
    return stat.S_IFREG


def _check_numbers(info: tarfile.TarInfo) -> None:
    """Raise ValueError for numbers that no inode has; an archive may say anything."""
    limits = (
        (info.uid, 1 << 32),
        (info.gid, 1 << 32),
        (info.size, 1 << 63),
        (info.devmajor, 1 << 12),
        (info.devminor, 1 << 20),
    )
    if any(not 0 <= number < limit for number, limit in limits) or not -1 << 63 <= info.mtime < 1 << 63:
        raise ValueError(f"{info.name}: its owner, size, time or device is none that a file can have")


def _set_attributes(node: TarLower, info: tarfile.TarInfo) -> None:
    _check_numbers(info)
    node.mode = stat.S_IFMT(node.mode) | (0o777 if info.issym() else info.mode & S_IALLUGO)
    node.uid, node.gid = info.uid, info.gid
    node.mtime_ns = node.ctime_ns = int(info.mtime) * NSEC_PER_SEC
    if info.isreg():
        node.size, node.offset = info.size, info.offset_data
    elif info.issym():
        node.target = info.linkname
        node.size = len(string.to_bytes(info.linkname))
    elif info.ischr() or info.isblk():
        node.rdev = new_encode_dev(info.devmajor, info.devminor)


def open_lower(path: str, hidden: Iterable[str] = ()) -> Lower:
    """Open a host directory or a tar archive; raises OSError."""
    if os.path.isdir(path):  # noqa: PTH112 -- str in, str used
        return HostTree(path, hidden).root
    try:
        return TarTree(path).root
    except (tarfile.TarError, EOFError, ValueError, gzip.BadGzipFile, lzma.LZMAError, zlib.error) as error:
        why = str(error).partition("\n")[0].rstrip(":")
        raise OSError(EINVAL, f"not a tar archive that can be read: {why}", path) from error
