"""`procession lab`: faults of the kernel's history."""

from __future__ import annotations

import inspect
import os
import sys
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from procession import _build
from procession.cli.mistakes import FAILED, fail
from procession.cli.words import Plain

if TYPE_CHECKING:
    from procession.labs import Lab

__all__ = ("add_to",)


def add_to(app: typer.Typer) -> None:
    """Let app have the command."""
    app.command(cls=Plain, short_help="Show a fault of the kernel's history.")(lab)


def lab(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which one. Without a name: list them.")] = None,
    broken: Annotated[bool, typer.Option("--broken", help="Only the kernel that has the fault.")] = False,
    fixed: Annotated[bool, typer.Option("--fixed", help="Only the kernel that has it not.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the program, and what is changed in the kernel.")] = False,
    replay: Annotated[
        str | None, typer.Option(metavar="TOKEN", help="Run this order again, in the broken kernel or with --fixed.")
    ] = None,
) -> None:
    """Run a program in a kernel that has a fault of Linux's history, and in one that has it not, in many orders.

    The exit status is 0 if all went as the lab says, else 1.
    """
    if _build.running.compiled:
        # A lab changes functions of the kernel, and some of the compiled ones are loaded already.
        os.environ["PROCESSION_PURE"] = "1"
        os.execv(sys.executable, [sys.executable, "-m", "procession", *sys.argv[1:]])  # noqa: S606
    from procession.labs import LABS

    if name is None:
        width = max(map(len, LABS))
        for one in LABS.values():
            print(f"{one.name:{width}}  {one.year or '':4}  {one.title}")
        return
    if name not in LABS:
        fail(f"no lab {name}: `procession lab` lists them")
    if replay is not None:
        _replay(LABS[name], replay, broken=not fixed)
        return
    _introduce(LABS[name], show=show)
    as_said = (fixed and not broken) or _broken(LABS[name])
    as_said &= (broken and not fixed) or _fixed(LABS[name])
    if not as_said:
        raise SystemExit(1)


def _introduce(one: Lab, *, show: bool) -> None:
    print(
        f"{one.name} ({one.year or 'any year'}): {one.title}\n{one.source}; {one.mended()}\n\n{fill(one.text, 100)}\n"
    )
    if not show:
        return
    for patch in one.points:
        print(f"In both kernels:\n{patch.text()}\n")
    for patch in one.mutation:
        print(f"{'With the mend' if one.in_32 else 'With the fault'}:\n{patch.text()}\n")
    for program in (one.program, *([one.fixed] if one.fixed is not None else []), *one.programs.values()):
        print(inspect.getsource(program))


def _broken(one: Lab) -> bool:
    found = one.search(broken=True)
    if not found.wrong:
        print(f"broken: nothing has gone wrong in {found.schedules} orders")
        return False
    print(f"broken, in order {found.schedules}: {found.text}\n")
    return True


def _fixed(one: Lab) -> bool:
    found = one.search(broken=False)
    if found.wrong:
        print(f"fixed:  {found.wrong}\n\n{found.text}")
        return False
    print(f"fixed:  {found.right}, in all {found.schedules} orders")
    return True


def _replay(one: Lab, token: str, *, broken: bool) -> None:
    from procession.explorer.token import TokenError
    from procession.hw.chooser import ReplayError

    try:
        outcome = one.replay(token, broken=broken)
    except TokenError as error:
        fail(str(error), 2)
    except ReplayError as error:
        fail(f"this is not the run that the token is of: {error}", FAILED)
    print(outcome.stdout.decode(), end="")
    print(outcome.stderr.decode(), end="", file=sys.stderr)
    if outcome.how not in ("exit", "signal"):
        print(f"procession: {outcome.how}", file=sys.stderr)
