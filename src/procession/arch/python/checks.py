"""What a Python program passes to its calls, as it must be: a mistake is a TypeError or ValueError at the call."""

from __future__ import annotations

from collections.abc import Iterable
import struct
from typing import Any, Final

from procession.lib import string

__all__ = ("BUFFER_MAX", "bits", "data_of", "encode", "integer", "mask", "packed", "size")

BUFFER_MAX: Final = (1 << 47) - 1  # no program has more memory to read into


def integer(what: str, value: Any, least: int, most: int) -> int:
    """Return value; raises TypeError unless it is an int, ValueError unless it is one from least to most."""
    if not isinstance(value, int):
        raise TypeError(f"{what}: int expected, not {type(value).__name__} ({value!r:.80})")
    if not least <= value <= most:
        raise ValueError(f"{what}: {least} to {most}, not {value}")
    return int(value)


def bits(what: str, value: Any, width: int, signed: bool) -> int:
    """Return value; raises TypeError unless it is an int, ValueError unless a C integer of this width can hold it."""
    half = 1 << (width - 1)
    return integer(what, value, -half if signed else 0, half - 1 if signed else 2 * half - 1)


def size(what: str, value: Any) -> int:
    """Return a number of bytes to get; raises TypeError, ValueError."""
    if type(value) is int and 0 <= value <= BUFFER_MAX:
        return value
    return integer(what, value, 0, BUFFER_MAX)


def packed(what: str, form: struct.Struct, *values: Any) -> bytes:
    """Return a struct; raises TypeError for what is no int, ValueError for one that its field cannot hold."""
    try:
        return form.pack(*values)
    except struct.error:
        for value in values:
            if not isinstance(value, int):
                raise TypeError(f"{what}: int expected, not {type(value).__name__} ({value!r:.80})") from None
        raise ValueError(f"{what}: too large or too small: {', '.join(map(str, values))}") from None


def encode(what: str, text: str) -> bytes:
    """Return the bytes that text stands for; raises ValueError if it stands for none."""
    try:
        return string.to_bytes(text)
    except UnicodeEncodeError:
        raise ValueError(f"{what}: {text!r:.80} stands for no bytes") from None


def data_of(what: str, data: Any) -> bytes:
    """Return what is to be written; raises TypeError for what is neither bytes nor text, ValueError."""
    if type(data) is bytes:
        return data
    if isinstance(data, str):
        return encode(what, data)
    if isinstance(data, bytes | bytearray | memoryview):
        return bytes(data)
    raise TypeError(f"{what}: bytes or str expected, not {type(data).__name__} ({data!r:.80})")


def mask(what: str, numbers: Any, least: int, most: int) -> int:
    """Return the set of numbers as bits, least the lowest; raises TypeError, ValueError."""
    if not isinstance(numbers, Iterable) or isinstance(numbers, str | bytes | bytearray):
        raise TypeError(f"{what}: a set of ints expected, not {type(numbers).__name__} ({numbers!r:.80})")
    found = 0
    for number in numbers:
        found |= 1 << (integer(what, number, least, most) - least)
    return found
