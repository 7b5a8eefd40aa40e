"""What execve answers to some thousands of executables with damaged headers: the host's answers, or a reason.

The program ends with status 42 at once, wherever its pages may be; only headers are changed.
"""

from __future__ import annotations

from collections import Counter
import os
from pathlib import Path
from random import Random
import shutil
import struct
import subprocess
import tempfile

import pytest

from procession import Machine

COUNT, SEED = 2500, 12
LONG = "2000"                         # milliseconds: what a busy host needs to begin a program
EXIT_42 = bytes.fromhex("b83c000000 bf2a000000 0f05")
ET_EXEC, ET_DYN = 2, 3
MMAP_MIN_ADDR = 65536
PT_LOAD, PT_GNU_STACK = 1, 0x6474E551
PF_X, PF_W = 1, 2
PHDRS, PHDR = 64, struct.Struct("<IIQQQQQQ")
FIELDS = (
    (0, 4), (4, 1), (5, 1), (6, 1), (16, 2), (18, 2), (20, 4), (24, 8), (32, 8), (40, 8), (52, 2), (54, 2), (56, 2),
)
PHDR_FIELDS = ((0, 4), (4, 4), (8, 8), (16, 8), (24, 8), (32, 8), (40, 8), (48, 8))
VADDR, MEMSZ = 16, 40
ODD = (
    0, 1, 2, 3, 4, 7, 0xFFF, 0x1000, 0x10000, 0x400000, 0x401000, 1 << 47, (1 << 47) - 4096, 0x7FFFFFFFF000, 1 << 63,
    (1 << 64) - 1, (1 << 64) - 4096,
)
TYPES = (0, 1, 2, 3, 4, 6, 7, PT_GNU_STACK, PT_GNU_STACK + 1, PT_GNU_STACK + 2)
EIO, ENOEXEC = "errno 5", "errno 8"
SIGKILL, SIGSEGV, SIGBUS = "signal 9", "signal 11", "signal 7"


def program(kind):
    base = 0x400000 if kind == ET_EXEC else 0
    start = PHDRS + 3 * PHDR.size
    size = start + len(EXIT_42)
    ident = b"\x7fELF\2\1\1" + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", kind, 62, 1, base + start, PHDRS, 0, 0, 64, PHDR.size, 3, 64, 0, 0)
    return ident + header + b"".join((
        PHDR.pack(PT_LOAD, 5, 0, base, base, size, size, 4096),
        PHDR.pack(PT_LOAD, 6, 0, base + 0x2000, base + 0x2000, 64, 0x3000, 4096),
        PHDR.pack(PT_GNU_STACK, 6, 0, 0, 0, 0, 0, 16),
    )) + EXIT_42


def mutant(rng):
    data = bytearray(program(rng.choice((ET_EXEC, ET_DYN))))
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if rng.random() < 0.35:
            at, size = field = rng.choice(FIELDS)
        else:
            field = rng.choice(PHDR_FIELDS)
            at, size = PHDRS + PHDR.size * rng.randrange(3) + field[0], field[1]
        old = int.from_bytes(data[at:at + size], "little")
        near = old + rng.choice((1, -1, 4096, -4096, 1 << 20))
        value = rng.choice((rng.choice(ODD), rng.choice(ODD), near, rng.choice(TYPES), rng.getrandbits(64)))
        value %= 1 << 8 * size
        if at >= PHDRS and (
            # Whether there is so much memory, and whether one may map the lowest pages, is not the loader's question.
            (field[0] == MEMSZ and 1 << 22 < value < 1 << 46) or (field[0] == VADDR and value < 1 << 16)
        ):
            continue
        data[at:at + size] = value.to_bytes(size, "little")
    if rng.random() < 0.05:
        del data[rng.randrange(len(data)):]
    return bytes(data)


def reason(data, host, ours):
    """Why 3.2 answers otherwise than the host: docs/differences.md, "3.2 is not today's Linux". None if it does not."""
    if (host, ours) == (SIGSEGV, SIGKILL):
        return "the program cannot be loaded any more when its memory is gone"
    phoff, = struct.unpack_from("<Q", data.ljust(PHDRS, b"\0"), 32)
    phnum, = struct.unpack_from("<H", data.ljust(PHDRS, b"\0"), 56)
    if (host, ours) == (ENOEXEC, EIO):
        return "the file ends in its program headers" if phoff + phnum * PHDR.size > len(data) else None
    phdrs = [PHDR.unpack_from(data, phoff + i * PHDR.size) for i in range(phnum)]
    loads = [phdr for phdr in phdrs if phdr[0] == PT_LOAD]
    if ours == SIGSEGV and any(phdr[6] > phdr[5] and not phdr[1] & PF_W for phdr in loads):
        return "the rest of the last page cannot be cleared, since it may not be written"
    if (host, ours) == (SIGSEGV, SIGBUS) and any(phdr[2] >= 1 << 62 for phdr in loads):
        return "no file is so long"
    if host == SIGSEGV and os.geteuid() and any(phdr[3] < MMAP_MIN_ADDR for phdr in loads):
        return "the lowest pages are root's"
    stacks = [phdr for phdr in phdrs if phdr[0] == PT_GNU_STACK]
    if host == SIGSEGV and (not stacks or stacks[0][1] & PF_X):
        return "what may be read may be executed"
    return None


@pytest.fixture(scope="module")
def answers(oracle, hostile):
    """(file, the host's answer, ours) of all mutants."""
    if oracle.why_not and not oracle.command:
        pytest.skip(f"the host cannot play 3.2: {oracle.why_not}")
    rng = Random(SEED)
    files = [mutant(rng) for _ in range(COUNT)]
    exec_all = Path(hostile("exec_all"))
    folder = Path(tempfile.mkdtemp(dir=oracle.cache.directory))
    try:
        for i, data in enumerate(files):
            (folder / str(i)).write_bytes(data)
            (folder / str(i)).chmod(0o755)
        host = subprocess.run(
            [*oracle.command, "-s", oracle.scratch, "-t", "100", exec_all, folder, str(COUNT), LONG],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
        ).stdout.decode()
    finally:
        shutil.rmtree(folder)
    root = {f"/m/{i}": data for i, data in enumerate(files)}
    root["/exec_all"] = exec_all.read_bytes()
    ours = Machine(root=root, memory=64 << 20).run(["/exec_all", "/m", str(COUNT), LONG]).output
    lines = [[line.partition(": ")[2] for line in text.splitlines()[:-1]] for text in (host, ours)]
    return list(zip(files, *lines, strict=True))


@pytest.mark.unchecked
def test_answers_are_the_hosts(answers):
    assert len(answers) == COUNT
    unexplained = [(i, *a) for i, a in enumerate(answers) if a[1] != a[2] and reason(*a) is None]
    assert unexplained == []


@pytest.mark.unchecked
def test_all_kinds_of_answers_were_tried(answers):
    assert set(Counter(host for _, host, _ in answers)) >= {"exit 42", ENOEXEC, SIGSEGV, SIGBUS}
    reasons = Counter(reason(*a) for a in answers if a[1] != a[2])
    assert len(reasons) >= 3
    same = sum(host == ours for _, host, ours in answers)
    assert same > COUNT * 0.7
