"""`procession lab`: faults of the kernel's history."""

from __future__ import annotations

import inspect
import os
import sys
from typing import TYPE_CHECKING, Final

from procession import _build
from procession.cli.mistakes import fail

if TYPE_CHECKING:
    from procession.labs import Lab

__all__ = ("labs",)

ORDERS_WHEN_FIXED: Final = 100


def labs(name: str | None, *, broken: bool, fixed: bool, source: bool) -> None:
    """List the labs, or run one: with the fault, without it, or both; source: print what it is made of first.

    Raises SystemExit with 1 if it did not go as the lab says.
    """
    if _build.running.compiled:
        # A lab changes functions of the kernel, and some of the compiled ones are loaded already.
        os.environ["PROCESSION_PURE"] = "1"
        os.execv(sys.executable, [sys.executable, "-m", "procession", *sys.argv[1:]])  # noqa: S606
    from procession.labs import LABS

    if name is None:
        width = max(map(len, LABS))
        for lab in LABS.values():
            print(f"{lab.name:{width}}  {lab.year}  {lab.title}")
        return
    if name not in LABS:
        fail(f"no lab {name}: `procession lab` lists them")
    lab = LABS[name]
    print(f"{lab.name} ({lab.year}): {lab.title}\n{lab.source}; {lab.mended()}\n\n{lab.text}\n")
    if source:
        _show(lab)
    as_said = (not broken or _broken(lab)) & (not fixed or _fixed(lab))
    if not as_said:
        raise SystemExit(1)


def _show(lab: Lab) -> None:
    for patch in lab.points:
        print(f"In both kernels:\n{patch.text()}\n")
    for patch in lab.mutation:
        print(f"{'With the mend' if lab.in_32 else 'With the fault'}:\n{patch.text()}\n")
    for program in (lab.program, *lab.programs.values()):
        print(inspect.getsource(program))


def _broken(lab: Lab) -> bool:
    outcome, runs = lab.search(broken=True)
    if not outcome.wrong:
        print(f"broken: nothing has gone wrong in {runs} orders")
        return False
    print(f"broken: {outcome.wrong}")
    if runs > 1:
        print(f"        in the {runs}. order that was tried:")
        for choice in outcome.choices:
            print(f"        {choice}")
    return True


def _fixed(lab: Lab) -> bool:
    outcome, runs = lab.search(broken=False, runs=ORDERS_WHEN_FIXED)
    if outcome.wrong:
        print(f"fixed:  {outcome.wrong}")
        return False
    print(f"fixed:  {outcome.right}, in {runs} orders")
    return True
