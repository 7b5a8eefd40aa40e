"""Subcommands about the command itself: a report of a fault, the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from procession.cli import cache
from procession.cli.mistakes import host_error
from procession.cli.words import file_name

__all__ = ("add_to",)

_cache = typer.Typer(
    name="cache", help="What the command keeps in your cache folder.", no_args_is_help=True, rich_markup_mode=None
)


def add_to(app: typer.Typer) -> None:
    """Let app have these commands."""
    app.command("bug-report", short_help="Print what to say in a report of a fault.")(bug_report)
    app.add_typer(_cache)


def bug_report(
    trace: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Show the end of this trace, without what is private.", parser=file_name),
    ] = None,
    lines: Annotated[int, typer.Option(metavar="N", min=1, help="How many of its lines.")] = 50,
) -> None:
    """Print what a report of a fault should say: nothing private, and nothing is sent."""
    from procession.cli.bug_report import text

    try:
        said = text(trace, lines)
    except OSError as error:
        host_error(error)
    print(said, end="")


@_cache.command()
def show() -> None:
    """Print where the cache is, and what is in it."""
    where = cache.folder()
    found = cache.listing()
    for name, files, size in found:
        print(f"{size / 1e6:8.1f} MB  {files:5} files  {where}/{name}")
    if not found:
        print(f"nothing is cached ({where})")


@_cache.command()
def clear() -> None:
    """Remove what is there; the next start makes again what it needs."""
    try:
        where, size = cache.clear()
    except OSError as error:
        host_error(error)
    print(f"{size / 1e6:.1f} MB removed from {where}" if size else f"nothing was cached ({where})")
