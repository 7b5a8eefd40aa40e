"""How strace prints what arguments say of files, of vectors of buffers and of waiting for files to be ready."""

from __future__ import annotations

import struct
from typing import Any, Final

from procession.include.linux.eventpoll import EpollEvents, PollEvents
from procession.include.linux.fcntl import O_ACCMODE, O_DIRECTORY, OpenFlags, OpenMode
from procession.include.linux.limits import UINT_MAX
from procession.include.linux.openat2 import TMPFILE_BIT
from procession.tools.strace_args import comment_time, flag_names, pointer
from procession.tools.strace_structs import Printer, Shown, array, struct_printer

__all__ = ("FILES", "FILES_AFTER", "device", "file_mode", "iovec", "open_flags")

# Files.


_S_IFMT: Final = {
    0o140000: "S_IFSOCK",
    0o120000: "S_IFLNK",
    0o100000: "S_IFREG",
    0o060000: "S_IFBLK",
    0o040000: "S_IFDIR",
    0o020000: "S_IFCHR",
    0o010000: "S_IFIFO",
}


def file_mode(mode: int) -> str:
    """A file's type and permissions."""
    kind = _S_IFMT.get(mode & 0o170000)
    if kind is None:
        return f"{mode:#o}".replace("0o", "0") if mode else "000"
    bits = [name for bit, name in ((0o4000, "S_ISUID"), (0o2000, "S_ISGID"), (0o1000, "S_ISVTX")) if mode & bit]
    return "|".join([kind, *bits, f"0{mode & 0o777:02o}" if mode & 0o777 else "000"])


def open_flags(value: int) -> str:
    """The flags of an open file."""
    access = "O_" + OpenMode(value & O_ACCMODE).name
    flags, tmpfile = value & UINT_MAX & ~O_ACCMODE, ""
    if flags & TMPFILE_BIT:
        tmpfile = "O_TMPFILE" if flags & O_DIRECTORY else "__O_TMPFILE"
        flags &= ~(TMPFILE_BIT | O_DIRECTORY)
    rest = flag_names(flags, OpenFlags, "O_", "", "O_???")
    rest = rest.replace("O_ASYNC", "FASYNC")
    if tmpfile:
        # Behind what has a name.
        names = [name.split(" ")[0] for name in rest.split("|") if name]
        at = len(names) - (bool(names) and names[-1].startswith("0x"))
        rest = "|".join([*names[:at], tmpfile, *names[at:]])
    return f"{access}|{rest}" if rest else access


def device(dev: int) -> str:
    """A device's number."""
    major, minor = dev >> 8 & 0xFFF | dev >> 32 & 0xFFFFF000, dev & 0xFF | dev >> 12 & 0xFFFFFF00
    return f"makedev({hex(major) if major else 0}, {hex(minor) if minor else 0})"


_STAT: Final = struct.Struct("<QQQIII4xQqqqqqqqqq24x")


def _stat(shown: Shown, at: int) -> str:
    fields = shown.read(shown.args[at], _STAT)
    if fields is None:
        return pointer(shown.args[at])
    dev, ino, nlink, mode, uid, gid, rdev, size, blksize, blocks, *times = fields
    is_device = mode & 0o170000 in (0o020000, 0o060000)
    last = f"st_rdev={device(rdev)}" if is_device else f"st_size={size}"
    if shown.style.abbrev:
        return f"{{st_mode={file_mode(mode)}, {last}, ...}}"
    text = (
        f"{{st_dev={device(dev)}, st_ino={ino}, st_mode={file_mode(mode)}, st_nlink={nlink}, st_uid={uid}, "
        f"st_gid={gid}, st_blksize={blksize}, st_blocks={blocks}, {last}"
    )
    for name, sec, nsec in zip("amc", times[::2], times[1::2], strict=True):
        text += f", st_{name}time={sec}{comment_time(sec, nsec, 9)}, st_{name}time_nsec={nsec}"
    return text + "}"


_MAGIC: Final = {
    0xEF53: "EXT2_SUPER_MAGIC",
    0x01021994: "TMPFS_MAGIC",
    0x9FA0: "PROC_SUPER_MAGIC",
    0x858458F6: "RAMFS_MAGIC",
    0x50495045: "PIPEFS_MAGIC",
    0x534F434B: "SOCKFS_MAGIC",
    0x09041934: "ANON_INODE_FS_MAGIC",
    0x62656572: "SYSFS_MAGIC",
    0x794C7630: "OVERLAYFS_SUPER_MAGIC",
    0x1CD1: "DEVPTS_SUPER_MAGIC",
}
_ST_FLAGS: Final = (
    "RDONLY",
    "NOSUID",
    "NODEV",
    "NOEXEC",
    "SYNCHRONOUS",
    "VALID",
    "MANDLOCK",
    "",
    "",
    "",
    "NOATIME",
    "NODIRATIME",
    "RELATIME",
)


@struct_printer("7q2I3Q32x")
def _statfs(magic: int, *rest: int) -> str:
    bsize, blocks, bfree, bavail, files, ffree, fsid0, fsid1, namelen, frsize, flags = rest
    order = (5, 0, 1, 2, 3, 4, 6, 10, 11, 12)
    names = ["ST_" + _ST_FLAGS[bit] for bit in order if flags >> bit & 1]
    fsid = ", ".join(hex(word) if word else "0" for word in (fsid0, fsid1))
    return (
        f"{{f_type={_MAGIC.get(magic) or hex(magic)}, f_bsize={bsize}, f_blocks={blocks}, f_bfree={bfree}, "
        f"f_bavail={bavail}, f_files={files}, f_ffree={ffree}, f_fsid={{val=[{fsid}]}}, f_namelen={namelen}, "
        f"f_frsize={frsize}, f_flags={'|'.join(names) or 0}}}"
    )


_DIRENT: Final = struct.Struct("<QqH")
_TYPES: Final = {0: "UNKNOWN", 1: "FIFO", 2: "CHR", 4: "DIR", 6: "BLK", 8: "REG", 10: "LNK", 12: "SOCK", 14: "WHT"}


def _dirent(shown: Shown, ino: int, off: int, raw: bytes, *, new: bool) -> str:
    """One entry; new: the type stands before the name, not behind it."""
    kind = f"d_type=DT_{_TYPES.get(raw[18] if new else raw[-1], '???')}"
    name = f"d_name={shown.quote(raw[18 + new :].split(bytes(1))[0])}"
    return f"{{d_ino={ino}, d_off={off}, d_reclen={len(raw)}, " + ", ".join([kind, name] if new else [name, kind]) + "}"


def _dirents(shown: Shown, at: int) -> str:
    ptr, size = shown.args[at], shown.ret or 0
    raw = shown.peek(ptr, 0, size) if size else b""
    if raw is None or not shown.style.verbose:
        return pointer(ptr)
    new = shown.params[at].arg.kind == "dirents64"
    entries = []
    where = 0
    while where + _DIRENT.size <= len(raw):
        ino, off, step = _DIRENT.unpack_from(raw, where)
        if step <= _DIRENT.size:
            break
        entries.append(_dirent(shown, ino, off, raw[where : where + step], new=new))
        where += step
    if not shown.style.abbrev:
        return "[" + ", ".join(entries) + "]"
    count = len(entries)
    return f"{pointer(ptr)} /* {count} entr{'y' if count == 1 else 'ies'} */"


_IOVEC: Final = struct.Struct("<QQ")


def iovec(shown: Shown, ptr: Any, count: int, *, size: int | None, show: bool = True) -> str:
    """An array of pieces of memory; size: how many bytes there are in them all, None for what they say."""
    left = size

    def one(base: int, length: int) -> str:
        nonlocal left
        have = length
        if left is not None:
            have = min(length, left)
            left -= have
        text = shown.data(base, have) if show else pointer(base)
        return f"{{iov_base={text}, iov_len={length}}}"

    return array(shown, ptr, min(count, 1024), _IOVEC, one)


def _iovec(shown: Shown, at: int) -> str:
    out = shown.params[at].arg.out
    size = shown.ret if out and not shown.failed else None
    return iovec(shown, shown.args[at], shown.args[at + 1], size=size, show=not out or not shown.failed)


# Readiness.


_POLLFD: Final = struct.Struct("<ihH")


def _pollfds(shown: Shown, at: int) -> str:
    def one(fd: int, events: int, _revents: int) -> str:
        shown_events = flag_names(events & 0xFFFF, PollEvents, "POLL")
        return f"{{fd={fd}}}" if fd < 0 else f"{{fd={shown.descriptor(fd)}, events={shown_events}}}"

    count = shown.args[at + 1]
    if not count and shown.args[at]:
        return "[]"
    return array(shown, shown.args[at], count, _POLLFD, one)


def _pollfds_after(shown: Shown, at: int) -> str | None:
    if shown.failed:
        return None
    if not shown.ret:
        return "Timeout"
    if not shown.style.verbose:
        return None
    out: list[str] = []
    for n in range(min(shown.args[at + 1], 1024)):
        raw = shown.peek(shown.args[at], n * _POLLFD.size, _POLLFD.size)
        if raw is None:
            break
        fd, _events, revents = _POLLFD.unpack(raw)
        if revents and len(out) == shown.items(len(out) + 1):
            out.append("...")
            break
        if revents:
            out.append(f"{{fd={fd}, revents={flag_names(revents, PollEvents, 'POLL')}}}")
    return f"[{', '.join(out)}]"


def _fds(shown: Shown, at: int) -> list[int] | None:
    count = min(shown.args[0], 1024)
    raw = shown.peek(shown.args[at], 0, (count + 63) // 64 * 8) if count > 0 else None
    if raw is None:
        return None
    bits = int.from_bytes(raw, "little")
    return [fd for fd in range(count) if bits >> fd & 1]


def _fd_set(shown: Shown, at: int) -> str:
    fds = _fds(shown, at) if shown.args[at] and shown.style.verbose else None
    return pointer(shown.args[at]) if fds is None else "[" + " ".join(map(shown.descriptor, fds)) + "]"


_SETS: Final = {"inp": "in", "outp": "out", "exp": "except"}


def _fd_set_after(shown: Shown, at: int) -> str | None:
    if shown.failed:
        return None
    if not shown.ret:
        return "Timeout" if shown.params[at].name == "inp" else None
    fds = _fds(shown, at) if shown.args[at] else None
    return f"{_SETS[shown.params[at].name]} [{' '.join(map(str, fds))}]" if fds else None


def _epoll_text(events: int, payload: int) -> str:
    names = flag_names(events, EpollEvents, "EPOLL")
    return f"{{events={names}, data={{u32={payload & 0xFFFFFFFF}, u64={payload}}}}}"


def _epoll_event(shown: Shown, at: int) -> str:
    # EPOLL_CTL_DEL does not look at it.
    fields = shown.read(shown.args[at], struct.Struct("<IQ")) if shown.args[1] != 2 else None
    return pointer(shown.args[at]) if fields is None else _epoll_text(*fields)


def _epoll_events(shown: Shown, at: int) -> str:
    return array(shown, shown.args[at], shown.ret or 0, struct.Struct("<IQ"), _epoll_text)


FILES: Final[dict[str, Printer]] = {
    "struct stat": _stat,
    "struct statfs": _statfs,
    "dirents": _dirents,
    "dirents64": _dirents,
    "iovec": _iovec,
    "iovec_addr": lambda shown, at: iovec(shown, shown.args[at], shown.args[at + 1], size=None, show=False),
    "pollfd[]": _pollfds,
    "fd_set": _fd_set,
    "struct epoll_event": _epoll_event,
    "epoll_events": _epoll_events,
}

# What comes in parentheses after the result.
FILES_AFTER: Final[dict[str, Printer]] = {"pollfd[]": _pollfds_after, "fd_set": _fd_set_after}
