"""Tokens: one line of text that is a run. Pasted into a report, it brings that very run back.

A token holds the version that made it, what was run and on what, a fingerprint of the program, and the choices that
were not the default. It is text of JSON, compressed; nothing in it is trusted.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
import hashlib
from importlib import import_module, metadata, util
import inspect
import json
from pathlib import Path
import sys
from types import ModuleType
from typing import Any, Final, NamedTuple
import zlib

from procession.explorer.subject import Subject
from procession.hw.chooser import (
    CPU_GOES_ON,
    CPU_MOVES,
    FAULTS,
    GETS_NUMBER,
    GOES_FIRST,
    GOES_ON,
    IS_INTERRUPTED,
    IS_REAPED,
    IS_REFUSED,
    RUNS_NEXT,
    STOPS_INSIDE,
    TAKES_SIGNAL,
    TRANSFERS,
    Choice,
)

__all__ = ("MAGIC", "Token", "TokenError", "fingerprint", "load_program")

MAGIC: Final = "px1."
LIMIT: Final = 1 << 20  # bytes of JSON in a token
_KINDS: Final = (
    *(GOES_FIRST, RUNS_NEXT, IS_REAPED, TAKES_SIGNAL, GOES_ON, CPU_MOVES, CPU_GOES_ON),
    *(IS_REFUSED, IS_INTERRUPTED, TRANSFERS, GETS_NUMBER, STOPS_INSIDE),
)


class TokenError(ValueError):
    """Not a token, or one of another version or program."""


class Token(NamedTuple):
    """What a token says.

    version: of the package that made it.  program: an argument list, or "file.py:function".  print: the program's
    fingerprint.  choices: those that were not the default.  faults, optional: how many faults of what kinds there could
    have been, which says what was asked.
    """

    version: str
    program: Sequence[str] | str
    args: Sequence[str]
    root: str | None
    cwd: str
    env: Mapping[str, str] | None
    stdin: bytes
    seed: int
    as_init: bool
    print: str
    choices: Sequence[Choice]
    faults: int = 0
    optional: frozenset[str] = frozenset()

    def __str__(self) -> str:
        fields: dict[str, Any] = {
            "v": self.version,
            "p": self.program,
            "f": self.print,
            "c": [[c.number, _kind(c.kind), list(c.candidates), c.answer] for c in self.choices],
        }
        more = {"a": list(self.args), "r": self.root, "w": self.cwd, "e": self.env, "s": self.seed, "1": self.as_init}
        usual: dict[str, Any] = {"a": [], "r": None, "w": "/", "e": None, "s": 0, "1": False}
        fields |= {key: value for key, value in more.items() if value != usual[key]}
        if self.faults:
            fields["q"] = [self.faults, sorted(self.optional)]
        if self.stdin:
            fields["i"] = base64.b64encode(self.stdin).decode()
        text = json.dumps(fields, separators=(",", ":")).encode()
        return MAGIC + base64.urlsafe_b64encode(zlib.compress(text, 9)).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Token:
        """Read a token; raises TokenError for what is none."""
        if not text.startswith(MAGIC):
            raise TokenError(f"not a token: {text[:40]!r} does not begin with {MAGIC}")
        body = text[len(MAGIC) :].strip()
        try:
            raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
            fields = json.loads(_unpacked(raw))
            choices = [Choice(n, _KINDS[k], tuple(candidates), a) for n, k, candidates, a in fields["c"]]
            faults, optional = fields.get("q", (0, ()))
            return cls(
                str(fields["v"]),
                fields["p"],
                fields.get("a", []),
                fields.get("r"),
                fields.get("w", "/"),
                fields.get("e"),
                base64.b64decode(fields.get("i", "")),
                int(fields.get("s", 0)),
                bool(fields.get("1", False)),
                str(fields["f"]),
                choices,
                int(faults),
                frozenset(FAULTS) & frozenset(optional),
            )
        except (binascii.Error, zlib.error, ValueError, KeyError, IndexError, TypeError) as error:
            raise TokenError(f"not a token, or only a part of one: {text[:40]!r}… ({error})") from None

    def subject(self, program: Any = None) -> Subject:
        """Return what the token's run was of; program: the function itself, where the token cannot find it.

        Raises TokenError if that is not there any more, or is another one by now, or the package is.
        """
        version = metadata.version("procession")
        if self.version != version:
            raise TokenError(f"this token is of version {self.version}, and this is {version}: find the run anew")
        if program is None:
            program = self.program if not isinstance(self.program, str) else load_program(self.program)
        subject = Subject(
            program,
            self.args,
            root=self.root,
            env=self.env,
            cwd=self.cwd,
            stdin=self.stdin,
            seed=self.seed,
            as_init=self.as_init,
            faults=self.faults,
            optional=self.optional,
        )
        now = fingerprint(subject)
        if now != self.print:
            raise TokenError(f"the program has changed since the token was made ({self.print} then, {now} now)")
        return subject


def _unpacked(raw: bytes) -> bytes:
    """Return what was compressed, not more than LIMIT of it; raises ValueError if the end is missing, zlib.error."""
    packed = zlib.decompressobj()
    text = packed.decompress(raw, LIMIT)
    if not packed.eof:
        raise ValueError("its end is missing")
    return text


def _kind(kind: str) -> int:
    return _KINDS.index(kind)


def make(subject: Subject, choices: Sequence[Choice]) -> Token:
    """Return the token of a run of subject with these choices."""
    program = subject.program
    return Token(
        metadata.version("procession"),
        program_name(program),
        subject.args,
        str(subject.root) if isinstance(subject.root, str | Path) else None,
        subject.cwd,
        subject.env,
        subject.stdin,
        subject.seed,
        subject.as_init,
        fingerprint(subject),
        tuple(choices),
        subject.faults,
        subject.optional,
    )


def program_name(program: Any) -> list[str] | str:
    """Return an argument list, or where a function stands: file.py:name, or module:name."""
    if not callable(program):
        return list(program)
    module = sys.modules.get(program.__module__)
    file = getattr(module, "__file__", None)
    return f"{file or program.__module__}:{program.__qualname__}"


def fingerprint(subject: Subject) -> str:
    """Return eight digits that are others when the program is: its file, or the file its function stands in."""
    digest = hashlib.sha256()
    program = subject.program
    if callable(program):
        try:
            digest.update(Path(inspect.getfile(inspect.unwrap(program))).read_bytes())
        except (OSError, TypeError):
            digest.update(repr(program).encode())
    else:
        digest.update(_file_of(subject, program[0]))
    if isinstance(subject.root, Mapping):
        for path, data in sorted(subject.root.items()):
            digest.update(path.encode() + b"\0" + (data if isinstance(data, bytes) else data.encode()))
    digest.update(subject.stdin)
    return digest.hexdigest()[:8]


def _file_of(subject: Subject, name: str) -> bytes:
    """Return the contents of a program's file where that is the host's, else its name."""
    if isinstance(subject.root, Mapping) or subject.root is None:
        return name.encode()
    root = Path(subject.root)
    if "/" in name:
        places = [Path(subject.cwd, name)]
    else:
        path = (subject.env or {}).get("PATH", "/usr/local/bin:/usr/bin:/bin")
        places = [Path(part, name) for part in path.split(":")]
    for place in places:
        file = root / str(place).lstrip("/")
        if file.is_file():
            return file.read_bytes()
    return name.encode()


def load_program(where: str) -> Any:
    """Return the function that file.py:name or module:name is; raises TokenError if there is none."""
    file, _, name = where.rpartition(":")
    if not file or not name:
        raise TokenError(f"{where}: FILE.py:FUNCTION expected")
    try:
        module = _module(file)
    except (ImportError, OSError, SyntaxError) as error:
        raise TokenError(f"{file}: {error}") from None
    found: Any = module
    for part in name.split("."):
        found = vars(found).get(part)
        if found is None:
            raise TokenError(f"{where}: no function {name} there")
    if not callable(found):
        raise TokenError(f"{where}: that is no function")
    return found


def _module(file: str) -> ModuleType:
    if not file.endswith(".py"):
        return import_module(file)
    name = "procession_explored_" + hashlib.sha256(str(Path(file).resolve()).encode()).hexdigest()[:8]
    if name in sys.modules:
        return sys.modules[name]
    spec = util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError("not a file of Python")
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
