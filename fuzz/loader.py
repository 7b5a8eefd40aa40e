"""Damaged executables, guided by what they reach of the kernel's loaders: `python -m fuzz.loader [LIBFUZZER OPTIONS]`.

Needs atheris, which is not among the development packages (`pip install atheris`). Try -max_total_time=600
-len_control=0.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(
    include=["procession.fs.binfmt_elf", "procession.fs.binfmt_script", "procession.fs.exec"],
):
    from procession import Kernel, LinuxError

from fuzz.hostile import MEMORY, originals


def one(data: bytes) -> None:
    """Execute data, for a little time; whatever a guest can do wrong is no find."""

    async def main(sys_):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        pid = await sys_.fork()
        if pid == 0:
            await sys_.setitimer(0, 2000)
            for fd in range(3):
                await sys_.close(fd)
            try:
                await sys_.execve("/t", ["/t"], {})
            except OSError:
                await sys_.exit(1)
        await sys_.waitpid(pid)

    kernel = Kernel(root={"/t": data, "/sh": data[:64]}, memory=MEMORY)
    try:
        kernel.run(main)
    except LinuxError:
        return
    kernel.check_baseline()


def run() -> None:
    """Fuzz until told to stop; the smallest of the originals and a script are what it begins with."""
    whole = min(originals(), key=len)
    for data in (whole, b"#!/sh -c\n", whole[:400]):
        one(data)
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    run()
