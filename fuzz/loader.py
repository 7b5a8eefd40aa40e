"""Damaged executables, guided by what they reach of the kernel: `python -m fuzz.loader [LIBFUZZER OPTIONS] [DIR]`.

Needs atheris, which is not among the development packages (`pip install atheris`). Try -max_total_time=600
-len_control=0. What reaches something new is kept in DIR, without one beside the seeds.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(
    include=["procession.fs.binfmt_elf", "procession.fs.binfmt_script", "procession.fs.exec"],
):
    from procession import LinuxError, Machine

from fuzz.hostile import MEMORY, originals, workshop


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

    machine = Machine(root={"/t": data, "/sh": data[:64]}, memory=MEMORY)
    try:
        machine.run(main)
    except LinuxError:
        return
    machine.check_baseline()


def run() -> None:
    """Fuzz until told to stop, beginning with two of the originals, the start of one, and a script."""
    seeds = workshop() / "loader"      # libFuzzer leaves without a clean-up, so it is not a temporary one
    seeds.mkdir(exist_ok=True)
    whole = sorted(originals(), key=len)[:2]
    for number, data in enumerate((*whole, whole[0][:400], b"#!/sh -c\n")):
        (seeds / str(number)).write_bytes(data)
    atheris.Setup([*sys.argv, str(seeds)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    run()
