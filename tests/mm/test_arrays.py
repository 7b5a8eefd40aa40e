"""Pages are copied and dropped one by one, or with NumPy many at once: nobody can tell which."""

from __future__ import annotations

import pytest

from procession import Machine
from procession.tools.tracefile import trace_hash

SCRIPT = "for i in 1 2 3; do (ls /etc | sort -r | head -n 2) & wait; done; seq 1 3000 | wc -l"


@pytest.mark.unchecked
def test_a_run_is_the_same_with_numpy_and_without():
    """Which frames are free, in which order, what they hold, and the trace; validators would bring NumPy in."""
    seen = []
    for numpy in (False, True):
        machine = Machine(root="/", trace=True, memory=64 << 20)
        frames = machine.kernel.frames
        if numpy:
            frames.arrays()
        result = machine.run(["/bin/sh", "-c", SCRIPT])
        assert result.exit_code == 0
        assert (frames._arrays is not None) == numpy, "the run was too long to tell"
        k = result.kernel
        seen.append((k.mm.free_list, bytes(frames.count), bytes(frames.mapcount), trace_hash(result.trace)))
    assert seen[0] == seen[1]
