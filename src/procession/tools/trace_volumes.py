"""What the host answers about a shared directory, written down in a trace, and given again without the directory.

Both sides keep in mind what was said last, so that an answer which says nothing new is not written: that a file is as
it was, or that something was done.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Callable
import os
from typing import TYPE_CHECKING, Any, Final, NoReturn

from procession.fs.hostfs.hostfs import Attr
from procession.lib import string

if TYPE_CHECKING:
    from procession.fs.hostfs.hostfs import HostSide

__all__ = ("READ_LIMIT", "RecordedVolume", "ReplayedVolume")

# How much of a volume's contents a trace takes in, in bytes.
READ_LIMIT: Final = 64 << 20

# These answer nothing but that it is done.
_DONE: Final = frozenset(("open", "close", "truncate", "fsync", "link", "remove", "rename", "chmod", "chown", "utime"))
_ATTRS: Final = frozenset(("root", "lookup", "getattr", "create", "symlink", "give"))

Said = dict[str, Any]  # {"answer": …} or {"errno": number}


class _Memory:
    """What was said last, by what was asked."""

    __slots__ = ("_said",)

    def __init__(self) -> None:
        self._said: dict[tuple[object, ...], Said] = {}

    def usual(self, op: str, args: tuple[object, ...]) -> Said | None:
        """Return the answer that goes without saying, None if there is none."""
        if op in _DONE:
            return {"answer": None}
        if op == "pwrite":
            data = args[2]
            assert isinstance(data, bytes)
            return {"answer": len(data)}
        if op == "pread":
            return {"answer": ""}
        if op == "give":
            return self._said.get(("getattr", args[0]))
        said = self._said.get((op, *args))
        if op == "lookup" and said is not None and said.get("answer") is not None:
            return self._said.get(("getattr", said["answer"][0]))
        return said

    def keep(self, op: str, args: tuple[object, ...], said: Said) -> None:
        """Keep an answer in mind."""
        if op in _DONE or op in ("pread", "pwrite"):
            return
        self._said[op, *args] = said
        if op in _ATTRS and said.get("answer") is not None:
            self._said["getattr", said["answer"][0]] = said


class _Asked:
    """A host's side whose questions all go through ask()."""

    def ask(self, op: str, *args: object) -> Any:
        """Return the answer as it stands in a trace; raises OSError."""
        raise NotImplementedError

    def _attr(self, op: str, *args: object) -> Attr:
        return Attr(*self.ask(op, *args))

    def root(self) -> Attr:
        """Ask."""
        return self._attr("root")

    def lookup(self, directory: int, name: bytes) -> Attr | None:
        """Ask."""
        found = self.ask("lookup", directory, name)
        return None if found is None else Attr(*found)

    def getattr(self, node: int) -> Attr:
        """Ask."""
        return self._attr("getattr", node)

    def listdir(self, directory: int) -> list[tuple[bytes, int, int]]:
        """Ask."""
        found = self.ask("listdir", directory)
        return [(string.to_bytes(name), kind, node) for name, kind, node in found]

    def readlink(self, node: int) -> bytes:
        """Ask."""
        return string.to_bytes(self.ask("readlink", node))

    def open(self, node: int, write: bool) -> None:
        """Ask."""
        self.ask("open", node, write)

    def close(self, node: int) -> None:
        """Ask."""
        self.ask("close", node)

    def pread(self, node: int, offset: int, n: int) -> bytes:
        """Ask."""
        return b64decode(self.ask("pread", node, offset, n), validate=True)

    def pwrite(self, node: int, offset: int, data: bytes) -> int:
        """Ask."""
        return int(self.ask("pwrite", node, offset, data))

    def truncate(self, node: int, size: int) -> None:
        """Ask."""
        self.ask("truncate", node, size)

    def fsync(self, node: int) -> None:
        """Ask."""
        self.ask("fsync", node)

    def create(self, directory: int, name: bytes, mode: int) -> Attr:
        """Ask."""
        return self._attr("create", directory, name, mode)

    def symlink(self, directory: int, name: bytes, target: bytes) -> Attr:
        """Ask."""
        return self._attr("symlink", directory, name, target)

    def link(self, node: int, directory: int, name: bytes) -> None:
        """Ask."""
        self.ask("link", node, directory, name)

    def remove(self, directory: int, name: bytes, is_dir: bool) -> None:
        """Ask."""
        self.ask("remove", directory, name, is_dir)

    def rename(self, directory: int, name: bytes, to: int, new: bytes) -> None:
        """Ask."""
        self.ask("rename", directory, name, to, new)

    def chmod(self, node: int, mode: int) -> None:
        """Ask."""
        self.ask("chmod", node, mode)

    def chown(self, node: int, uid: int, gid: int) -> None:
        """Ask."""
        self.ask("chown", node, uid, gid)

    def utime(self, node: int, atime_ns: int | None, mtime_ns: int | None) -> None:
        """Ask."""
        self.ask("utime", node, atime_ns, mtime_ns)

    def give(self, node: int, uid: int, gid: int) -> Attr:
        """Ask."""
        return self._attr("give", node, uid, gid)

    def rest(self) -> None:
        """Nothing is open here."""


class RecordedVolume(_Asked):
    """A directory of the host whose answers are written down.

    write: takes the name of an answer and its fields.
    """

    def __init__(self, inner: HostSide, guest: str, write: Callable[..., None]) -> None:
        self._inner = inner
        self._guest = guest
        self._write = write
        self._methods: dict[str, Callable[..., object]] = {
            "root": inner.root,
            "lookup": inner.lookup,
            "getattr": inner.getattr,
            "listdir": inner.listdir,
            "readlink": inner.readlink,
            "open": inner.open,
            "close": inner.close,
            "pread": inner.pread,
            "pwrite": inner.pwrite,
            "truncate": inner.truncate,
            "fsync": inner.fsync,
            "create": inner.create,
            "symlink": inner.symlink,
            "link": inner.link,
            "remove": inner.remove,
            "rename": inner.rename,
            "chmod": inner.chmod,
            "chown": inner.chown,
            "utime": inner.utime,
            "give": inner.give,
        }
        self._memory = _Memory()
        self._calls = 0
        self._read = 0

    def ask(self, op: str, *args: object) -> Any:
        """Ask the host, and write down what is new."""
        self._calls += 1
        try:
            said: Said = {"answer": _plain(op, self._methods[op](*args))}
        except OSError as error:
            said = {"errno": error.errno}
        if said != self._memory.usual(op, args) and self._is_kept(op, said):
            self._write("volume", guest=self._guest, call=self._calls, op=op, **said)
        self._memory.keep(op, args, said)
        return _answer(said)

    def _is_kept(self, op: str, said: Said) -> bool:
        """Whether the trace takes the answer in; it says so when it is more than it takes."""
        if op != "pread" or "errno" in said:
            return True
        before = self._read
        self._read += len(said["answer"]) * 3 // 4
        if before <= READ_LIMIT < self._read:
            why = f"volume {self._guest}: more than {READ_LIMIT >> 20} MiB were read from it"
            self._write("not_repeatable", guest=self._guest, why=why)
        return self._read <= READ_LIMIT

    def rest(self) -> None:
        """Close everything that is open for the run."""
        self._inner.rest()


class ReplayedVolume(_Asked):
    """The recorded answers, without the directory; what is written goes nowhere.

    take: gives the next line of the trace if it is that answer, with such fields.  fail: says why there is none.
    """

    def __init__(
        self, guest: str, take: Callable[..., dict[str, Any] | None], fail: Callable[[str, str | None], NoReturn]
    ) -> None:
        self._guest = guest
        self._take = take
        self._fail = fail
        self._memory = _Memory()
        self._calls = 0
        self._withheld: str | None = None

    def ask(self, op: str, *args: object) -> Any:
        """Return what the host has said then."""
        self._calls += 1
        if op == "pread":
            why = self._take("not_repeatable", guest=self._guest)
            if why is not None:
                self._withheld = str(why.get("why"))
        line = self._take("volume", guest=self._guest, call=self._calls, op=op)
        said = self._memory.usual(op, args) if line is None else _said(line)
        if said is None or not _makes_sense(op, said) or (line is None and op == "pread" and self._withheld):
            self._fail(f"volume {self._guest} is asked: {op}", self._withheld)
        self._memory.keep(op, args, said)
        return _answer(said)


def _plain(op: str, answer: object) -> object:
    """Return an answer as it stands in a trace."""
    if isinstance(answer, bytes):
        return string.to_text(answer) if op == "readlink" else b64encode(answer).decode("ascii")
    if isinstance(answer, tuple):
        return list(answer)
    if isinstance(answer, list):
        return [[string.to_text(name), kind, node] for name, kind, node in answer]
    return answer


def _said(line: dict[str, Any]) -> Said:
    return {name: line[name] for name in ("answer", "errno") if name in line}


def _answer(said: Said) -> Any:
    number = said.get("errno")
    if number is not None:
        raise OSError(number, os.strerror(number))
    return said["answer"]


def _makes_sense(op: str, said: Said) -> bool:
    """Whether somebody's trace says what an answer to this question can be."""
    if "errno" in said:
        return type(said["errno"]) is int
    if "answer" not in said:
        return False
    answer = said["answer"]
    if op in _ATTRS:
        return (op == "lookup" and answer is None) or _is_row(answer, (int,) * len(Attr._fields))
    if op == "listdir":
        return isinstance(answer, list) and all(_is_row(row, (str, int, int)) for row in answer)
    if op == "pwrite":
        return type(answer) is int
    return answer is None if op in _DONE else isinstance(answer, str) and (op == "readlink" or _is_base64(answer))


def _is_row(row: object, kinds: tuple[type, ...]) -> bool:
    return isinstance(row, list) and [type(item) for item in row] == list(kinds)


def _is_base64(text: str) -> bool:
    try:
        b64decode(text, validate=True)
    except (NoBase64, ValueError):
        return False
    return True
