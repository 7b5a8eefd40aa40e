"""procession grade: the points that a program has in a lab, whatever the order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from procession.cli.explore import interruptible, tell_report
from procession.cli.mistakes import fail, host_error
from procession.cli.words import Plain, complete_nothing, file_name

if TYPE_CHECKING:
    from procession.explorer import Progress
    from procession.grading.lab import Trace

__all__ = ("add_to",)


def add_to(app: typer.Typer) -> None:
    """Let app have the command."""
    app.command(cls=Plain, short_help="Grade a program by a lab, in every order of its calls.")(grade)


def grade(
    program: Annotated[
        Path, typer.Argument(metavar="PROGRAM", help="The program.", parser=file_name, autocompletion=complete_nothing)
    ],
    lab: Annotated[str, typer.Option(metavar="NAME|FILE", help="A lab of Procession's, or a file of one's own.")] = (
        "shlab"
    ),
    deviations: Annotated[
        int, typer.Option(metavar="N", min=0, max=20, help="In how many places an order may differ from Linux's own.")
    ] = 2,
    trace: Annotated[list[str], typer.Option(metavar="NAME", help="Only this trace; may be repeated.")] = [],  # noqa: B006 -- typer copies it
    seconds: Annotated[float | None, typer.Option(metavar="S", min=0.0, help="Stop after so long.")] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of what is tried at random.")] = 0,
    place: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where to put the program and the lab's; tokens refer to it. Without it: a temporary one that stays.",
            parser=file_name,
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the grade there as JSON, too.", parser=file_name)
    ] = None,
) -> None:
    """Run each trace of a lab in every order within the bound; report the points, and what is wrong in any order.

    The exit status is 0 if nothing is wrong, 1 if something is, 2 for a mistake on the command line, in the lab or with
    the program, and 3 if nothing was found but not all orders could be run.
    """
    from procession.explorer import Diverged
    from procession.grading import grade as graded
    from procession.include.linux.errno import LinuxError

    try:
        with interruptible(), _progress() as tell:
            report = graded(
                program,
                lab,
                deviations=deviations,
                traces=trace,
                seconds=seconds,
                seed=seed,
                place=place,
                progress=tell,
            )
    except (ValueError, Diverged) as error:
        fail(str(error), 2)
    except LinuxError as error:
        fail(f"{program}: {error.why or error.errno.name}", 2)
    except OSError as error:
        host_error(error)
    tell_report(report, json)


@contextmanager
def _progress() -> Iterator[Any]:
    """Show how far it is on a terminal; nothing where standard error is none."""
    if not os.isatty(2):
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:

        def tell(trace: Trace, now: Progress) -> None:
            rate = now.schedules / max(now.seconds, 1e-3)
            status.update(f"{trace.name}: {now.schedules} schedules, {now.left} known to be left, {rate:.0f}/s")

        yield tell
