"""What is printed is there whole and once, however the file behaves that it goes to."""

from __future__ import annotations

from contextlib import suppress
import errno
import os
from threading import Thread

import pytest

from procession.hw import hostfile
from procession.hw.hostfile import HostFile, write_all

DATA = bytes(range(256)) * 2000


def test_all_is_written_to_a_pipe_that_does_not_block():
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    got = []

    def read():
        with os.fdopen(reader, "rb") as file:
            got.append(file.read())

    thread = Thread(target=read)
    with suppress(BlockingIOError):
        while True:
            os.write(writer, b"x")          # there is no room when write_all() begins
    thread.start()
    write_all(writer, DATA)
    os.close(writer)
    thread.join()
    assert got[0].lstrip(b"x") == DATA


def test_a_write_that_would_block_after_all_is_tried_again(monkeypatch):
    """Somebody else may have filled the pipe since it was asked."""
    reader, writer = os.pipe()
    tries = [BlockingIOError]
    real = os.write

    def write(fd, data):
        if tries:
            raise tries.pop()
        return real(fd, data)

    file = HostFile(writer)
    assert file.writable()
    monkeypatch.setattr(hostfile.os, "write", write)
    file.write("once\n")
    file.flush()
    monkeypatch.undo()
    os.close(writer)
    with os.fdopen(reader, "rb") as end:
        assert end.read() == b"once\n"
    assert not tries


@pytest.mark.parametrize("name", [None, "a name"])
def test_a_full_disk_leaves_no_half_line(tmp_path, monkeypatch, name):
    path = tmp_path / "file"
    room = [10]

    def write(fd, data):
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        n = real(fd, data[:room[0]])
        room[0] -= n
        return n

    real = os.write
    fd = os.open(path, os.O_WRONLY | os.O_CREAT)
    file = HostFile(fd, name)
    monkeypatch.setattr(hostfile.os, "write", write)
    file.write("one\ntwo\nthree\n")
    with pytest.raises(OSError, match="No space") as failed:
        file.flush()
    assert failed.value.filename == name
    assert path.read_bytes() == b"one\ntwo\n"
    room[0] = 100
    file.write("four\n")                    # where the half line was, and without what was kept
    file.flush()
    assert path.read_bytes() == b"one\ntwo\nfour\n"
    file.write("half")
    file.close()
    file.flush()
    assert path.read_bytes() == b"one\ntwo\nfour\n" + (b"half" if name is None else b"")
    if name is None:
        os.close(fd)
    else:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
