"""Kernel bugs: they stop the machine, they are never an errno (include/asm-generic/bug.h)."""

from typing import NoReturn


class KernelBug(Exception):
    """A broken promise inside the kernel."""


class KernelPanic(Exception):
    """panic(): the guest did what Linux answers with a panic, such as using up all memory."""


class InitKilled(KernelPanic):
    """The panic at the end of PID 1: for a machine whose program that is, the end of the run."""


def bug(why: str, *what: object) -> NoReturn:
    """Stop: the kernel found itself in a state that must not be (BUG)."""
    raise KernelBug(": ".join([why, *map(repr, what)]))


def bug_on(condition: bool, why: str, *what: object) -> None:
    """Stop if condition holds (BUG_ON)."""
    if condition:
        bug(why, *what)
