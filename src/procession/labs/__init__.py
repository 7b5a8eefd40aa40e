"""Faults of the kernel's history, each with a program that shows it: `procession lab` (docs/labs.md).

A lab changes functions of the kernel while it runs, which takes the pure build.
"""
# ruff: noqa: E402 -- the build is picked before anything of it is imported

from procession import pick_pure

pick_pure("procession.labs")
