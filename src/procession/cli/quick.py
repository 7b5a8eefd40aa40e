"""Reads a plain `procession run …`, nearly all that is ever typed, without typer.

Whatever is not plain, and whatever is wrong, is left to typer: both give commands.run the same values (a test asks).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from procession.include.linux.threads import NR_CPUS

__all__ = ("parse",)

FLAGS: Final = {
    "--strace": "strace",
    "--tree": "tree",
    "--check": "check",
    "--unsupported": "unsupported",
    "--tty": "tty",
    "-t": "tty",
    "--interactive": "interactive",
    "-i": "interactive",
    "--as-init": "as_init",
    "--realtime": "realtime",
}
VALUES: Final[dict[str, Callable[[str], Any]]] = {
    "--root": Path,
    "--trace": Path,
    "--core": Path,
    "--fail": str,
    "--cwd": str,
    "--env": str,
    "--env-file": Path,
    "--user": str,
    "--hostname": str,
    "--later": str,
    "--release": str,
    "--timeout": str,
    "--volume": str,
    "-v": str,
    "--publish": str,
    "-p": str,
    "--boot-time": str,
    "--seed": int,
    "--cpus": int,
    "--memory": str,
}
LETTERS: Final = {"-w": "--cwd", "-e": "--env", "-u": "--user"}
_DIGITS: Final = 20  # no number that an option takes has more


def parse(arguments: list[str]) -> dict[str, Any] | None:
    """Return the values for commands.run; None for any other command, and for what typer has to look at."""
    if not arguments or arguments[0] != "run":
        return None
    values: dict[str, Any] = {}
    rest = arguments[1:]
    while rest and rest[0].startswith("-") and rest[0] != "--":
        option = rest.pop(0)
        if option in ("-it", "-ti"):
            values["tty"] = values["interactive"] = True
        elif option in FLAGS:
            values[FLAGS[option]] = True
        elif not _value(option, rest, values):
            return None
    program = rest[1:] if rest[:1] == ["--"] else rest
    return {**values, "program": program} if program else None


def _value(option: str, rest: list[str], values: dict[str, Any]) -> bool:
    """Take an option that has a value; returns whether it is one that can be understood here."""
    if option.startswith("--") and "=" in option:
        option, _, text = option.partition("=")
    elif rest:
        text = rest.pop(0)
    else:
        return False
    option = LETTERS.get(option, option)
    convert = VALUES.get(option)
    if convert is None or (convert is int and not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS)):
        return False
    if option == "--later" and text == "help":
        return False
    if convert is Path and not text:
        return False
    if option == "--cpus" and not 1 <= int(text) <= NR_CPUS:
        return False
    name = {"-v": "volume", "-p": "publish"}.get(option) or option.removeprefix("--").replace("-", "_")
    if name in ("env", "volume", "publish"):
        values.setdefault(name, []).append(text)
    else:
        values[name] = convert(text)
    return True
