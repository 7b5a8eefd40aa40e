"""How the command line of a program to run is read, completed and helped with: the parts that typer has not."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Final

import typer
from typer.core import TyperCommand, TyperOption

__all__ = ("BROKEN", "EXAMPLES", "REPEATABLE", "REST", "RUNS", "SEEN", "Words", "complete_nothing", "complete_program")

# From the first word that is no option on, all is the program's.
REST: Final = {"allow_interspersed_args": False}
RUNS: Final = "What runs"
SEEN: Final = "What is seen of it"
REPEATABLE: Final = "What makes it the same run again, or another one"
BROKEN: Final = "What is broken on purpose, and held against itself"

# One for each of these, behind `procession run`.
EXAMPLES: Final = {
    RUNS: "--user nobody --env A=1 --timeout 10s ls -l",
    SEEN: "--tree sh -c 'true | cat'",
    REPEATABLE: "--seed 17 --cpus 2 make test",
    BROKEN: "--fail %fork:2 sh -c 'true; echo $?'",
}
_OPTIONS: Final = "Other options"


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


class Words(TyperCommand):
    """A command that runs a program: its help shows options in groups, and completion leaves the program's alone."""

    examples: ClassVar[dict[str, str]] = {}

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then each group of options with its example."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], **{title: [] for title in self.examples}}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            if param.param_type_name == "argument":
                title = "Arguments"
            else:
                title = (isinstance(param, TyperOption) and param.rich_help_panel) or _OPTIONS
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
        """Complete our own options, and none once the program has been named."""
        if ctx.params.get("program"):
            return []
        found: list[Any] = super().shell_complete(ctx, incomplete)
        return found
