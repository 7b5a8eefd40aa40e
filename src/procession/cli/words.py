"""How the command line of a program to run is read, completed and helped with: the parts that typer has not."""

from __future__ import annotations

import os
from pathlib import Path
from textwrap import shorten
from typing import Any, ClassVar, Final

import typer
from typer.core import TyperCommand, TyperOption

__all__ = (
    "BROKEN",
    "EXAMPLES",
    "REPEATABLE",
    "REST",
    "RUNS",
    "SEEN",
    "Plain",
    "Words",
    "complete_nothing",
    "complete_program",
    "file_name",
)

# From the first word that is no option on, all is the program's.
REST: Final = {"allow_interspersed_args": False}
RUNS: Final = "What runs"
SEEN: Final = "What you get to see"
REPEATABLE: Final = "The machine it runs on"
BROKEN: Final = "Looking for faults"

# One for each of these, behind `procession run`.
EXAMPLES: Final = {
    RUNS: "--user nobody --env A=1 --timeout 10s ls -l",
    SEEN: "--tree sh -c 'true | cat'",
    REPEATABLE: "--seed 17 --cpus 2 make test",
    BROKEN: "--fail %fork:2 sh -c 'true; echo $?'",
}


_LINE: Final = 70


def file_name(text: str) -> Path:
    """Return the file or directory that an option names: none has an empty name, as an unset variable would give."""
    if not text:
        raise typer.BadParameter("the name of a file or directory expected, not ''")
    return Path(text)


def complete_nothing() -> list[str]:
    """Say nothing: the shell then completes names of files itself, as it does everywhere."""
    return []


def complete_program(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the name of a command; a path, and all words behind the command, are the shell's."""
    if ctx.params.get("program") or "/" in incomplete or not incomplete:
        return []
    found: set[str] = set()
    for directory in os.get_exec_path():
        try:
            with os.scandir(directory) as entries:
                found.update(e.name for e in entries if e.name.startswith(incomplete) and os.access(e.path, os.X_OK))
        except OSError:
            continue  # a place in PATH that is not there
    return sorted(found)


class Plain(TyperCommand):
    """A command whose arguments have one name in its help, and whose options stand in groups with an example each."""

    examples: ClassVar[dict[str, str]] = {}

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what stands behind the command's name."""
        return ["[OPTIONS]", *(_name_of(param) for param in self.get_params(ctx) if _is_argument(param))]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then each group of options with its example."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], **{title: [] for title in self.examples}}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            if _is_argument(param):
                title, record = "Arguments", (_name_of(param), record[1].partition("  [")[0])
            else:
                title = (isinstance(param, TyperOption) and param.rich_help_panel) or self._others()
            groups.setdefault(title, []).append(record)
        for title, records in groups.items():
            if not records:
                continue
            with formatter.section(title):
                formatter.write_dl(records)
                if title in self.examples:
                    formatter.write_paragraph()
                    formatter.write_text(f"Example: procession {self.name} {self.examples[title]}")

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Complete options; what is said of each stays on its line, which typer would fold, and fish not understand."""
        found: list[Any] = super().shell_complete(ctx, incomplete)
        for item in found:
            item.help = shorten(item.help, _LINE, placeholder="…") if item.help else item.help
        return found

    def _others(self) -> str:
        return "Other options" if self.examples else "Options"


def _is_argument(param: Any) -> bool:
    return bool(param.param_type_name == "argument")


def _name_of(param: Any) -> str:
    return str(param.metavar or param.name)


class Words(Plain):
    """A command that runs a program: completion leaves what is the program's alone."""

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Complete our own options, and none once the program has been named."""
        if ctx.params.get("program"):
            return []
        found: list[Any] = super().shell_complete(ctx, incomplete)
        return found
