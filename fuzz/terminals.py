"""Random use of a terminal, on the host and inside: keys, output, reads, settings of a pseudo-terminal.

    python -m fuzz.terminals [N] [--seed S] [--program FILE] [--judge COMMAND]

A program is a list of steps, one a line; terminals.c runs it and notes what comes out at either end. A new step is an
entry of STEPS and one of the table in terminals.c. What is known to differ between 3.2 and today's kernels is left
out, see LEFT_OUT, unless the judge is a real 3.2 (runners.Judge): its programs begin with "freely", and have the steps
of FREE_STEPS too.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
import itertools
from pathlib import Path
import sys
import time

from hypothesis import strategies as st

from fuzz import runners
from fuzz.compare import survived
from fuzz.generator import FREELY, different
from fuzz.runners import HOST, Judge
from fuzz.tried import Tried
from procession import Machine
from procession.include.asm.termbits import (
    ECHO,
    ECHOCTL,
    ECHOE,
    ECHOK,
    ECHOKE,
    ECHONL,
    ECHOPRT,
    EXTPROC,
    ICANON,
    ICRNL,
    IEXTEN,
    IGNCR,
    IGNPAR,
    IMAXBEL,
    INLCR,
    ISIG,
    ISTRIP,
    IUCLC,
    IUTF8,
    IXANY,
    IXOFF,
    IXON,
    NOFLSH,
    OCRNL,
    OLCUC,
    ONLCR,
    ONLRET,
    ONOCR,
    OPOST,
    PARMRK,
    VEOL,
    VEOL2,
    VERASE,
    VINTR,
    VKILL,
    VLNEXT,
    VMIN,
    VQUIT,
    VREPRINT,
    VSTART,
    VSTOP,
    VSUSP,
    VWERASE,
    XTABS,
)

__all__ = ("Find", "generate", "run", "run_batch", "run_host", "run_inside", "shrink")

# What 3.2 does differently from today's kernels (docs/differences.md), and how terminals.c or STEPS avoid it.
LEFT_OUT = {
    "NOFLSH off": "Ctrl-C leaves what the master has not read yet, today it goes: NOFLSH is always on",
    "TCOFLUSH": "the same",
    "several keys in one write": "an echo comes with its key, today with the last of them: keys come one by one",
    "TCIFLUSH with echoes waiting": "they go, too, today they stay: the output is started first",
    "ICANON flipped with input waiting": "it is no line until its end, today it is one at once: the input goes first",
    "an empty end of file before another": "it is passed over: each is read before the next is typed",
    "ICANON flipped behind a literal next": "it is still literal, today it is forgotten: another key comes before",
    "IXANY without ISIG": "^C, ^\\ and ^Z do not start the output, today they do: never both in a program",
    "IXANY with these keys disabled": "the byte 0 does not start the output, today it does: they are not",
    "ECHOPRT without ECHOCTL": "a literal next lets the end of an erasure wait: never both in a program",
    "ECHONL without ECHO": "a signal that starts the output lets the echo wait: never both in a program",
    "4096 bytes of input": "what does not fit beeps, today it is dropped silently: programs stay below",
    "EXTPROC": "has programs of its own: tests/programs/tty_extproc.c",
    "a hangup": "the terminal goes on with new settings and the old table of characters, today it waits to be opened",
}

# What this project does differently from 3.2 (docs/differences.md), so that no judge is asked for it.
OURS = {
    "more echoes at once than the master holds": "a worker's timing says how many are lost: programs fill but once",
    "a write that a signal in it ends": "the worker comes between two pieces of 2 KiB: fill writes little at a time",
    "EXTPROC flipped with input waiting": "lines are counted that were read, and a read turns for ever: it goes first",
    "lines again after a hangup without ICANON": "what was read as bytes is erased once more: the input goes first",
}

CHUNK = 60              # programs that run at the same time
FEWEST_STEPS, MOST_STEPS = 10, 40
MOST_KEYS = 12
MOST_SHOWN = 12
LETTERS = b"abcdefgh"
CONTROLS = b"\t\x03\b\n\r\x0f\x11\x12\x13\x15\x16\x17\x1a\x1b\x1c\x7f\0"
ALPHABET = [bytes([c]) for c in LETTERS + CONTROLS + b" _\\A~\xff\xc8\xa4"] + ["ä".encode(), "€".encode()]
_IFLAGS = [IGNPAR, PARMRK, ISTRIP, INLCR, IGNCR, ICRNL, IUCLC, IXON,
           IXANY, IXOFF, IUTF8, IMAXBEL]
_OFLAGS = [OPOST, OLCUC, ONLCR, OCRNL, ONOCR, ONLRET, XTABS]
_LFLAGS = [ISIG, ICANON, ECHO, ECHOE, ECHOK, ECHONL, ECHOCTL, ECHOPRT,
           ECHOKE, IEXTEN]
_FLOW_KEYS = [VINTR, VQUIT, VSTART, VSTOP, VSUSP]
_EDIT_KEYS = [VERASE, VKILL, VEOL, VREPRINT, VWERASE, VLNEXT, VEOL2]

_text = st.lists(st.sampled_from(ALPHABET), min_size=1, max_size=MOST_KEYS).map(lambda found: b"".join(found).hex())
_byte = st.sampled_from(ALPHABET).map(lambda found: found[-1])
_flag = st.one_of(*(
    st.sampled_from(bits).map(partial("{} {}".format, word)) for word, bits in enumerate((_IFLAGS, _OFLAGS, _LFLAGS))
))
_key = st.one_of(st.sampled_from(LETTERS), _byte)
_control = st.one_of(
    st.tuples(st.sampled_from(_FLOW_KEYS), _key.filter(bool)),
    st.tuples(st.sampled_from(_EDIT_KEYS), st.one_of(_key, st.just(0))),
    st.tuples(st.just(VMIN), st.integers(0, 3)),
).map(lambda pair: f"{pair[0]} {pair[1]}")

# name -> its arguments, and how often it is taken.
STEPS: dict[str, tuple[st.SearchStrategy[str], int]] = {
    "keys": (_text, 8),
    "print": (_text, 3),
    "read": (st.integers(1, 80).map(str), 4),
    "flip": (_flag, 5),
    "control": (_control, 3),
    "look": (st.just(""), 2),
    "eof": (st.just(""), 2),
    "flow": (st.integers(0, 3).map(str), 1),
    "flush": (st.just(""), 1),
    "sti": (_byte.map(lambda c: bytes([c]).hex()), 1),
    "packet": (st.integers(0, 1).map(str), 1),
    "size": (st.tuples(st.integers(1, 4), st.integers(1, 4)).map(lambda pair: f"{pair[0]} {pair[1]}"), 1),
}

# What LEFT_OUT keeps out, for a real 3.2 as judge: bytes at once, ends of file among them, and a full buffer.
_free_text = st.lists(
    st.sampled_from([*ALPHABET, b"\x04", b"\x1c"]), min_size=1, max_size=MOST_KEYS,
).map(lambda found: b"".join(found).hex())
_free_flag = st.sampled_from([
    *(f"2 {bit}" for bit in (NOFLSH, NOFLSH, EXTPROC, ICANON, ICANON, ECHOPRT, ECHONL, ECHOCTL, ISIG)),
    f"0 {IXANY}",
])
FREE_STEPS: dict[str, tuple[st.SearchStrategy[str], int]] = {
    "type": (_free_text, 8),
    "flip": (_free_flag, 3),
    "control": (st.sampled_from(_FLOW_KEYS).map("{} 0".format), 1),
    "tcflush": (st.integers(0, 2).map(str), 2),
    "fill": (st.sampled_from([4000, 4090, 4094, 4095, 4096, 4097, 5000]).map(str), 1),
    "hangup": (st.just(""), 1),
}

Program = tuple[str, ...]


def _some_of(word: int, bits: Sequence[int]) -> st.SearchStrategy[str]:
    """Flip each of these bits or not."""
    chosen = st.lists(st.booleans(), min_size=len(bits), max_size=len(bits))
    return chosen.map(lambda taken: f"flip {word} {sum(itertools.compress(bits, taken))}")


_NEVER_BOTH = [((0, IXANY), (2, ISIG)), ((2, ECHOPRT), (2, ECHOCTL)),
               ((2, ECHONL), (2, ECHO))]


def _flips(program: Program, word: int, bit: int) -> bool:
    flips = (step.split() for step in program if step.startswith(f"flip {word} "))
    return any(int(bits) & bit for _, _, bits in flips)


# Not those that take much away of what there is to see.
_settings = st.tuples(
    _some_of(0, [bit for bit in _IFLAGS if bit not in (ISTRIP, IGNCR)]),
    _some_of(1, _OFLAGS),
    _some_of(2, [bit for bit in _LFLAGS if bit not in (ISIG, ICANON, ECHO)]),
)


def _of(table: dict[str, tuple[st.SearchStrategy[str], int]]) -> list[st.SearchStrategy[str]]:
    """The steps of a table, each as often as it is to be taken."""
    return [
        args.map(partial("{} {}".format, name)).map(str.strip) for name, (args, n) in table.items() for _ in range(n)
    ]


def _programs(steps: Sequence[st.SearchStrategy[str]]) -> st.SearchStrategy[Program]:
    some = st.lists(st.one_of(steps), min_size=FEWEST_STEPS, max_size=MOST_STEPS)
    return st.tuples(_settings, some).map(lambda parts: (*parts[0], *parts[1]))


def _freely(program: Program) -> Program:
    """Fill but once: see OURS."""
    first = next((i for i, step in enumerate(program) if step.startswith("fill")), len(program))
    return (FREELY, *program[:first + 1], *(step for step in program[first + 1:] if not step.startswith("fill")))


programs = _programs(_of(STEPS)).filter(
    lambda program: not any(_flips(program, *one) and _flips(program, *other) for one, other in _NEVER_BOTH))
free_programs = _programs(_of(STEPS) + _of(FREE_STEPS)).map(_freely)


@dataclass
class Find:
    """A program that does something else here than on the host."""

    program: Program
    host: str
    here: str

    def diff(self) -> str:
        """Where the transcripts part."""
        return runners.diff(self.host, self.here, "here")


def generate(chunk: int, count: int = CHUNK, judge: Judge = HOST) -> list[Program]:
    """Return the different ones among count programs; the same for the same chunk and kind of judge."""
    return different(free_programs if judge.real else programs, chunk, count)


def build() -> Path:
    """Compile terminals.c with the compiler from PyPI, static."""
    return runners.build_static("terminals")


def _input(some: Sequence[Program]) -> bytes:
    lines = itertools.chain.from_iterable((f"program {n}", *program, "end") for n, program in enumerate(some))
    return "".join(f"{line}\n" for line in lines).encode()


def run_host(some: Sequence[Program], judge: Judge = HOST) -> list[str]:
    """Run at most CHUNK programs on the host's kernel, playing 3.2, or on a real one; raises HostRefuses."""
    return runners.split(judge.ask(build(), _input(some)), len(some))


def run_inside(some: Sequence[Program], *, check: bool = False) -> list[str]:
    """Run at most CHUNK programs inside; check: with the validators after every trap."""
    machine = Machine(root={"/terminals": build().read_bytes()}, stdin=_input(some), check=check or None)
    return runners.ask_machine(machine, ["/terminals"], len(some))


def run_batch(some: Sequence[Program], judge: Judge = HOST) -> list[Find]:
    """Run them both ways; returns those that differ and of which the judge is sure, each run alone three times."""
    return [find for find in _compared(some, judge) if find.host != find.here and _is_steady(find, judge)]


def _compared(some: Sequence[Program], judge: Judge) -> list[Find]:
    return [Find(*row) for row in zip(some, run_host(some, judge), survived(run_inside, some), strict=True)]


def _is_steady(find: Find, judge: Judge) -> bool:
    alone = [run_host([find.program], judge)[0] for _ in range(3)]
    find.host = alone[0]
    return len(set(alone)) == 1 and find.host != find.here


def run_chunk(judge: Judge, chunk: int) -> tuple[int, list[Find]]:
    """One batch: how many programs, and what differs."""
    some = generate(chunk, judge=judge)
    return len(some), run_batch(some, judge)


def shrink(program: Program, judge: Judge = HOST) -> Program:
    """Leave out steps and bytes as long as the program stays one that differs, many variants at a time."""
    while True:
        variants = _variants(program)
        batches = (variants[at:at + CHUNK] for at in range(0, len(variants), CHUNK))
        smaller = next(filter(None, (_smallest_bad(some, judge) for some in batches)), None)
        if smaller is None:
            return program
        program = smaller


def _smallest_bad(some: Sequence[Program], judge: Judge) -> Program | None:
    finds = [find for find in _compared(some, judge) if find.host != find.here]
    finds.sort(key=lambda find: len("".join(find.program)))
    return next((find.program for find in finds if _is_steady(find, judge)), None)


def _variants(program: Program) -> list[Program]:
    """Without one of the steps, the last first; then without one byte of one."""
    indices = list(reversed(range(len(program))))
    variants = [(*program[:i], *program[i + 1:]) for i in indices if len(program) > 1]
    for i in indices:
        name, _, text = program[i].partition(" ")
        if name in ("keys", "print", "type") and len(text) > 2:
            shorter = (text[:at] + text[at + 2:] for at in range(0, len(text), 2))
            variants += [(*program[:i], f"{name} {rest}", *program[i + 1:]) for rest in shorter]
    return variants


def run(
    wanted: int, first: int = 0, *,
    jobs: int = 2, progress: Callable[[int, list[str]], object] | None = None, judge: Judge = HOST,
) -> Tried:
    """Run so many programs; progress hears how many were run, and which differ. Raises HostRefuses."""
    began = time.monotonic()
    tried = Tried("terminals in random use, on the host and inside", 0, "programs")
    build()
    runners.build_host32()
    chunks = itertools.count(first * 1_000_000)
    with ProcessPoolExecutor(jobs) as pool:
        while tried.count < wanted:
            for count, finds in pool.map(partial(run_chunk, judge), itertools.islice(chunks, 2 * jobs)):
                tried.count += count
                tried.found += ["\n".join(find.program) for find in finds]
            if progress is not None:
                progress(tried.count, tried.found)
    tried.seconds = time.monotonic() - began
    return tried


def show(path: Path, judge: Judge = HOST) -> int:
    """Run one program and show the judge's transcript and what differs."""
    program = tuple(line for line in path.read_text().split("\n\n")[0].splitlines() if not line.startswith("#"))
    find = Find(program, run_host([program], judge)[0], run_inside([program])[0])
    print(find.host, find.diff(), sep="\n")
    return int(find.host != find.here)


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="fuzz.terminals", description="Terminals in random use, here and there.")
    parser.add_argument("programs", nargs="?", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--program", type=Path, help="run one program")
    parser.add_argument("--judge", type=Judge.parse, default=HOST, metavar="COMMAND",
                        help="ask a real 3.2: COMMAND PROGRAM < INPUT runs a static program there")
    options = parser.parse_args()
    if options.program:
        return show(options.program, options.judge)
    tried = run(options.programs, options.seed, jobs=options.jobs, judge=options.judge,
                progress=lambda n, found: print(f"{n} programs, {len(found)} differ", file=sys.stderr, flush=True))
    for text in tried.found[:MOST_SHOWN]:
        program = shrink(tuple(text.splitlines()), options.judge)
        print("---", *program, *(find.diff() for find in run_batch([program], options.judge)), sep="\n", flush=True)
    print(f"{tried.count} programs, {tried.seconds:.0f} s, {len(tried.found)} differ")
    return int(bool(tried.found))


if __name__ == "__main__":
    sys.exit(main())
