"""Machine code that the engine must never be asked to translate, because it ends its process: illegal, all of it.

Found by running every encoding of one, two and three opcode bytes, with prefixes, in processes to spare
(fuzz/opcodes.py): LOCK with BT, BTS, BTR or BTC of a register, which a CPU answers with #UD.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ("LONGEST", "begins", "may_begin", "starts")

LONGEST: Final = 15  # bytes of an instruction

_PREFIXES: Final = b"\xf0\xf2\xf3\x26\x2e\x36\x3e\x64\x65\x66\x67" + bytes(range(0x40, 0x50))
_PREFIX: Final = rb"[\xf0\xf2\xf3\x26\x2e\x36\x3e\x40-\x4f\x64-\x67]"
# 0F A3/AB/B3/BB /r and 0F BA /4 … /7, the second operand a register.
_OPCODE: Final = rb"\x0f(?:[\xa3\xab\xb3\xbb][\xc0-\xff]|\xba[\xe0-\xff])"
_all = re.compile(rb"\xf0" + _PREFIX + rb"{0,11}+" + _OPCODE, re.DOTALL).finditer
_begins = re.compile(_PREFIX + rb"*\xf0" + _PREFIX + rb"*" + _OPCODE, re.DOTALL).match
_LOCK: Final = 0xF0


def starts(code: bytes | memoryview) -> list[int]:
    """Return, in order, where in code such an instruction may begin that ends in it, too: at each of its prefixes."""
    found = []
    for match in _all(code):
        opcode = match.end() - 3
        at = opcode - 1
        locked = False
        while at >= max(0, opcode + 3 - LONGEST) and code[at] in _PREFIXES:
            locked = locked or code[at] == _LOCK
            if locked:
                found.append(at)
            at -= 1
    return sorted(found)


def begins(code: bytes) -> bool:
    """Whether code begins with such an instruction."""
    return _begins(code[:LONGEST]) is not None


def may_begin(tail: bytes) -> bool:
    """Whether such an instruction may begin in tail, the end of a page, and end behind it."""
    return _LOCK in tail
