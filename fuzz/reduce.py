"""Leave out steps, many variants at a time: for what Hypothesis, which tries one after the other, leaves over."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fuzz.generator import Program, Step


def _renamed(word: str, numbers: dict[int, int]) -> str | None:
    """Return a word after actors have got new numbers, None if it speaks of one that is lost."""
    bare = word.lstrip("-=")
    sign = word.removesuffix(bare)
    if bare[0] != "a" or not bare[1:].isdigit():
        return word
    number = numbers.get(int(bare[1:]))
    return None if number is None else f"{sign}a{number}"


def without(program: Program, index: int) -> Program:
    """Leave out a step; if somebody is born in it, also all that has to do with that one and its children."""
    numbers = {0: 0}
    kept = []
    for at, step in enumerate(program.steps):
        words = [_renamed(word, numbers) for word in step.words]
        if at == index or step.actor not in numbers or None in words:
            continue
        known = [word for word in words if word is not None]
        if step.operation.births:
            numbers[int(known[-1])] = len(numbers)
            known[-1] = str(len(numbers) - 1)
        kept.append(Step(numbers[step.actor], tuple(known)))
    return Program(tuple(kept), program.freely)


def reduced(program: Program, is_bad: Callable[[Sequence[Program]], list[bool]]) -> Program:
    """Leave out steps as long as the program stays bad; is_bad judges many at once."""
    while len(program.steps) > 1:
        variants = [without(program, index) for index in reversed(range(len(program.steps)))]
        smaller = [variant for variant, bad in zip(variants, is_bad(variants), strict=True) if bad]
        if not smaller:
            return program
        program = min(smaller, key=lambda p: len(p.steps))
    return program
