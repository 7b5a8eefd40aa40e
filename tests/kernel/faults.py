"""Every request of one call refused in turn, and what a machine has left over then."""

from __future__ import annotations

from procession import Machine
from procession.include.linux.errno import Errno
from procession.tools import fault_inject
from procession.tools.fault_inject import census

ENOMEM, ENFILE, E2BIG = int(Errno.ENOMEM), int(Errno.ENFILE), int(Errno.E2BIG)


def spared(program, call, **options):
    """The census of a run in which all goes well."""
    return census(Machine(**options).run(program).kernel)


def every_failure(program, call, *, kind="slab", at=1, **options):
    """Refuse each request of the call in turn until none is left; yields (Fault, result)."""
    reference = spared(program, call, **options)

    def make():
        return Machine(**options)

    for fault, result in fault_inject.every_failure(make, program, call, at=at, kinds=(kind,)):
        assert census(result.kernel) == reference, fault
        yield fault, result
