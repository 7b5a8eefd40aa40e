"""Classic BPF: the one interpreter that sockets' and system calls' filters have."""

from __future__ import annotations

import pytest

from procession.include.linux.errno import LinuxError
from procession.kernel import seccomp
from procession.net.core import filter

A = 0xDEADBEEF
DATA = bytes([0x45, 0x12, 0x34, 0x56, 0x78, 0x9A, 0xBC, 0xDE])
RET_A = (0x16, 0, 0, 0)


def ld(k):
    return (0x00, 0, 0, k)


def ldx(k):
    return (0x01, 0, 0, k)


# Instructions before "return A", with A and X loaded where that matters, and what is returned.
PROGRAMS = [
    ([ld(5)], 5), ([(0x80, 0, 0, 0)], 8), ([(0x20, 0, 0, 1)], 0x12345678), ([(0x28, 0, 0, 0)], 0x4512),
    ([(0x30, 0, 0, 7)], 0xDE), ([(0x20, 0, 0, 5)], 0), ([ldx(3), (0x40, 0, 0, 1)], 0x789ABCDE),
    ([ldx(3), (0x48, 0, 0, 0xFFFFFFFE)], 0x1234), ([ldx(8), (0x50, 0, 0, 0)], 0), ([(0xB1, 0, 0, 0),
    (0x87, 0, 0, 0)], 20),
    ([ld(9), (0xB1, 0, 0, 8)], 0), ([(0x81, 0, 0, 0), (0x87, 0, 0, 0)], 8),
    ([ld(7), (0x02, 0, 0, 15), ld(1), (0x60, 0, 0, 15)], 7),
    ([ldx(6), (0x03, 0, 0, 2), (0x61, 0, 0, 2), (0x87, 0, 0, 0)], 6), ([ld(4), (0x07, 0, 0, 0), ld(1),
    (0x0C, 0, 0, 0)], 5),
    ([ld(A), (0x04, 0, 0, A)], 2 * A & 0xFFFFFFFF), ([ld(1), (0x14, 0, 0, 2)], 0xFFFFFFFF), ([ld(A),
    (0x24, 0, 0, 16)], A << 4 & 0xFFFFFFFF),
    ([ld(A), (0x34, 0, 0, 16)], A >> 4), ([ld(A), ldx(16), (0x3C, 0, 0, 0)], A >> 4), ([ld(A), ldx(0),
    (0x3C, 0, 0, 0)], 0),
    ([ld(0xF0), (0x44, 0, 0, 0x0F)], 0xFF), ([ld(0xF0), (0x54, 0, 0, 0x3F)], 0x30), ([ld(3),
    (0x64, 0, 0, 31)], 0x80000000),
    ([ld(3), ldx(33), (0x6C, 0, 0, 0)], 6), ([ld(A), (0x74, 0, 0, 28)], 0xD), ([ld(1), (0x84, 0, 0, 0)], 0xFFFFFFFF),
    ([(0x05, 0, 0, 1), (0x06, 0, 0, 1), ld(2)], 2), ([ld(A), ldx(33), (0x7C, 0, 0, 0)], A >> 1),
    *(([ld(5), (code, 0, 1, k), (0x06, 0, 0, 1)], 1 if holds else 5) for code, k, holds in (
        (0x15, 5, True), (0x15, 4, False), (0x25, 4, True), (0x25, 5, False), (0x35, 5, True), (0x35, 6, False),
        (0x45, 4, True), (0x45, 2, False),
    )),
    ([ldx(5), ld(5), (0x1D, 0, 1, 0), (0x06, 0, 0, 1)], 1),
    ([(0x20, 0, 0, 0xFFFFF000)], 0x800), ([(0x20, 0, 0, 0xFFFFF004)], 0), ([(0x20, 0, 0, 0xFFFFF008)], 3),
    ([(0x20, 0, 0, 0xFFFFF01C)], 772), ([(0x20, 0, 0, 0xFFFFF002), ld(9)], 0), ([(0x20, 0, 0, 0xFFFFF028), ld(9)], 0),
]


@pytest.mark.parametrize(("program", "result"), PROGRAMS)
def test_what_a_program_returns(program, result):
    program = [*program, RET_A]
    filter.sk_chk_filter(program)
    assert filter.sk_run_filter(program, filter.Packet(DATA, {0: 0x800, 8: 3, 28: 772})) == result


def test_what_is_beside_a_packet_of_no_interface():
    for which in (8, 28):
        program = [(0x20, 0, 0, 0xFFFFF000 + which), (0x06, 0, 0, 9)]
        assert filter.sk_filter(program, DATA) == 0
        assert filter.sk_filter(program, DATA, ifindex=1) == len(DATA)


def test_an_attribute_begins_at_a_word():
    program = [ld(0), ldx(2), (0x20, 0, 0, 0xFFFFF00C), RET_A]
    assert filter.sk_run_filter(program, filter.Packet(b"\5\0\1\0a\0\0\0\x08\0\2\0abcd", {})) == 8


def test_what_was_stored_on_each_way_there():
    """A word is stored if all jumps to a place come from where it is, whatever stands before the place."""
    program = [
        (0x15, 0, 3, 0), (0x02, 0, 0, 3), (0x05, 0, 0, 3), RET_A, ld(0), (0x05, 0, 0, 1), (0x60, 0, 0, 3), RET_A,
    ]
    filter.sk_chk_filter(program)
    program[2] = (0x05, 0, 0, 1)
    with pytest.raises(LinuxError):
        filter.sk_chk_filter([*program[:4], (0x15, 1, 0, 0), *program[5:]])


ATTRIBUTES = b"\x08\0\1\0abcd\x0c\0\2\0\x08\0\3\0efgh"


@pytest.mark.parametrize(("at", "type_", "nested", "found"), [
    (0, 1, 0, 0), (0, 2, 0, 8), (0, 3, 0, 0), (8, 3, 1, 12), (8, 2, 1, 0), (17, 1, 0, None), (12, 1, 1, 0),
    (4, 1, 1, None),
])
def test_attributes_of_netlink(at, type_, nested, found):
    """Where it is; nothing there is 0; None: beyond the message."""
    look = (0x20, 0, 0, 0xFFFFF000 + (16 if nested else 12))
    program = [ld(at), ldx(type_), look, (0x04, 0, 0, 100), RET_A]
    assert filter.sk_run_filter(program, filter.Packet(ATTRIBUTES, {})) == (0 if found is None else found + 100)


@pytest.mark.parametrize("program", [
    [], [ld(0)] * 4096 + [RET_A], [ld(0)], [(0xA4, 0, 0, 1), RET_A], [(0x34, 0, 0, 0), RET_A], [(0x02, 0, 0, 16),
    RET_A],
    [(0x60, 0, 0, 0), RET_A], [(0x05, 0, 0, 1), RET_A], [(0x15, 0, 1, 0), RET_A], [(0x15, 1, 0, 0), RET_A],
    [(0x15, 0, 1, 0), (0x02, 0, 0, 3), (0x60, 0, 0, 3), RET_A], [(0x05, 0, 0, 0xFFFFFFFF), RET_A],
])
def test_what_no_socket_takes(program):
    with pytest.raises(LinuxError):
        filter.sk_chk_filter(program)


def seccomp_result(program, words):
    filter.sk_chk_filter(program, seccomp._KNOWN)
    return filter.sk_run_filter(seccomp._seccomp_check_filter(program), filter.Packet(b"", {}, words))


def test_a_filter_of_calls_looks_at_a_structure():
    """Its words are of the machine's order, its length is 64, and exclusive or is there."""
    words = tuple(range(100, 116))
    assert [seccomp_result([(0x20, 0, 0, 4 * at), RET_A], words) for at in range(16)] == list(words)
    assert seccomp_result([(0x80, 0, 0, 0), RET_A], words) == 64
    assert seccomp_result([(0x81, 0, 0, 0), (0x87, 0, 0, 0), RET_A], words) == 64
    assert seccomp_result([ld(6), (0xA4, 0, 0, 3), RET_A], words) == 5


@pytest.mark.parametrize("instruction", [
    (0x20, 0, 0, 2), (0x20, 0, 0, 64), (0x28, 0, 0, 0), (0x40, 0, 0, 0), (0xB1, 0, 0, 0), (0x64, 0, 0, 32),
    (0x74, 0, 0, 32), (0x94, 0, 0, 2),
])
def test_what_no_filter_of_calls_may_do(instruction):
    with pytest.raises(LinuxError):
        seccomp_result([instruction, RET_A], (0,) * 16)
