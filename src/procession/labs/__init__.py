"""Faults of the kernel's history, each with a program that shows it: `procession lab` (docs/labs.md).

A lab changes functions of the kernel while it runs. That takes the pure build, which is picked here: the import raises
ImportError if the compiled one is loaded.
"""
# ruff: noqa: E402 -- the build is picked before anything of it is imported

from __future__ import annotations

from typing import Final

from procession import pick_pure

pick_pure("procession.labs")

from procession.labs import ends, exec, forks, mistakes, queues, rights, tracing
from procession.labs.lab import Finding, Lab
from procession.labs.patch import Patch

__all__ = ("LABS", "Finding", "Lab", "Patch")

_ALL: Final = (*ends.LABS, *exec.LABS, *forks.LABS, *mistakes.LABS, *queues.LABS, *rights.LABS, *tracing.LABS)

# By name, the oldest first; before them what is got wrong in any year.
LABS: Final[dict[str, Lab]] = {lab.name: lab for lab in sorted(_ALL, key=lambda lab: (lab.year, lab.name))}
