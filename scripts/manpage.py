"""Write docs/procession.1, the manual page, from what `procession --help` knows: `python scripts/manpage.py`.

Options and commands come from their declarations; what stands around them stands here.
"""

from __future__ import annotations

from collections.abc import Iterator
import inspect
from pathlib import Path
import re
import sys
import tomllib
from typing import Any, get_args, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from procession.cli.app import app

HOME = Path(__file__).resolve().parents[1]
PAGE = HOME / "docs" / "procession.1"
DESCRIPTION = (
    """boots the process management of Linux 3.2 inside one process of the host, and runs unmodified x86-64 programs in
    it: the same way each time, and with everything they do to be seen.""",
    """The program's files are those of the host, or of --root; they are read only underneath, and what it changes stays
    in memory. It has devices, processes, users and a clock of its own.""",
)
ENVIRONMENT = {
    "NO_COLOR": "If it is set to anything, tables have no colour. In a pipe they have none anyway.",
    "COLUMNS": "How wide tables are on a terminal.",
    "PROCESSION_PURE": """1 runs the sources as they are, 0 the compiled build; if it is not set, the compiled build
        runs where there is one.""",
    "XDG_CACHE_HOME": "Where bytecode is kept if it cannot be kept beside the sources; ~/.cache if it is not set.",
}
EXAMPLES = {
    "procession run -- /bin/sh -c 'true | true'": "Run a program.",
    "procession run -it -- /bin/bash": "A shell to work in.",
    "procession strace -f -e trace=%process -- make": "What it does, as strace shows it.",
    "procession run --trace run.jsonl -- ./program": "Record a run ...",
    "procession replay --until sched_process_exit run.jsonl": "... and look at it again, at its first exit.",
}


def escaped(text: str) -> str:
    """Return text as troff takes it."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    text = text.encode("ascii", "xmlcharrefreplace").decode()
    text = re.sub(r"&#(\d+);", lambda match: f"\\[u{int(match[1]):04X}]", text)
    return re.sub(r"^(?=['.])", r"\\&", text, flags=re.MULTILINE)


def paragraphs(text: str | None) -> list[str]:
    """Return the paragraphs of a help text, each a line."""
    parts = re.split(r"\n\s*\n", (text or "").replace("\b", "").strip())
    return [" ".join(part.split()) for part in parts if part.strip()]


def page() -> str:
    """Return the whole manual page."""
    version = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    commands = list(of_commands(app))
    assert app.registered_callback is not None
    lines = ['.\\" Made by scripts/manpage.py.', f'.TH PROCESSION 1 "" "procession {version}" "User Commands"']
    lines += [".SH NAME", escaped("procession - Linux 3.2's process management, for programs of today")]
    lines += [".SH SYNOPSIS"]
    for name, function in commands:
        lines += [f".B procession {escaped(name)}", *([escaped(text)] if (text := usage(function)) else []), ".br"]
    lines += [".SH DESCRIPTION", ".B procession"]
    for number, text in enumerate(DESCRIPTION):
        lines += [*([".PP"] if number else []), escaped(" ".join(text.split()))]
    lines += [".SH OPTIONS", *of_options(app.registered_callback.callback)]
    lines += [".SH COMMANDS"]
    for name, function in commands:
        lines += [f".SS {escaped(name)}"]
        for number, text in enumerate(paragraphs(function.__doc__)):
            lines += [*([".PP"] if number else []), escaped(text)]
        lines += of_options(function)
    lines += [".SH ENVIRONMENT"]
    for name, text in ENVIRONMENT.items():
        lines += [".TP", f".B {name}", escaped(" ".join(text.split()))]
    lines += [".SH EXAMPLES"]
    for name, text in EXAMPLES.items():
        lines += [".TP", f".B {escaped(name)}", escaped(text)]
    lines += [".SH SEE ALSO", ".BR strace (1),", ".BR ps (1)", ".PP", escaped("The documentation is in docs/ of the")]
    lines += [escaped("source: docs/tools.md says more of each command, docs/will-it-run.md what runs.")]
    return "\n".join(lines) + "\n"


def of_commands(group: typer.Typer, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each subcommand that is not hidden: its name behind the command's, and its function."""
    for info in group.registered_commands:
        if not info.hidden:
            assert info.callback is not None
            yield path + (info.name or info.callback.__name__.replace("_", "-")), info.callback
    for one in group.registered_groups:
        if one.typer_instance is not None:
            yield from of_commands(one.typer_instance, f"{path}{one.typer_instance.info.name} ")


def parameters(function: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield what a command takes: name, type, declaration (typer's ArgumentInfo or OptionInfo)."""
    hints = get_type_hints(function, include_extras=True)
    for name in inspect.signature(function).parameters:
        for declared in getattr(hints[name], "__metadata__", ()):
            if isinstance(declared, ArgumentInfo | OptionInfo) and not declared.hidden:
                yield name, get_args(hints[name])[0], declared


def usage(function: Any) -> str:
    """Return what comes behind a command's name."""
    found = list(parameters(function))
    options = ["[OPTIONS]"] if any(isinstance(declared, OptionInfo) for _, _, declared in found) else []
    names = [argument(name, declared) for name, _, declared in found if isinstance(declared, ArgumentInfo)]
    return " ".join([*options, *names])


def argument(name: str, declared: ArgumentInfo) -> str:
    """Return how an argument is called."""
    return str(declared.metavar or name.upper())


def of_options(function: Any) -> Iterator[str]:
    """Yield an entry for each argument, and for the options, group by group."""
    group = None
    found = list(parameters(function))
    panels = list(dict.fromkeys(declared.rich_help_panel for _, _, declared in found))
    for name, kind, declared in sorted(found, key=lambda one: panels.index(one[2].rich_help_panel)):
        if declared.rich_help_panel != group:
            group = declared.rich_help_panel
            yield ".PP"
            yield f".I {escaped(str(group))}"
        yield ".TP"
        if isinstance(declared, ArgumentInfo):
            yield f".I {escaped(argument(name, declared))}"
        else:
            # typer takes the first name of an annotation for a default.
            first = [declared.default] if isinstance(declared.default, str) else []
            names = [*first, *(declared.param_decls or ())] or ["--" + name.replace("_", "-")]
            shown = ", ".join(f"\\fB{escaped(option)}\\fR" for option in names if option.startswith("-"))
            yield shown + ("" if kind is bool else f" \\fI{escaped(value(name, kind, declared))}\\fR")
        yield escaped(" ".join((declared.help or "").split()))


def value(name: str, kind: Any, declared: OptionInfo) -> str:
    """Return how the value of an option is called."""
    return str(declared.metavar or ("N" if kind in (int, int | None) else name.upper()))


def main() -> int:
    """Enter from the command line; returns the exit status."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
