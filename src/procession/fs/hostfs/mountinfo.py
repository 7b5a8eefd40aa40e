"""Which of the host's file systems have no files in them (ours)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ("kernels_own_devices",)

# In these the host's kernel speaks: /proc/self/mem is our own memory.
_KERNELS_OWN: Final = (
    *("proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "debugfs", "tracefs", "securityfs", "configfs"),
    *("bpf", "pstore", "efivarfs", "mqueue", "binfmt_misc", "fusectl", "selinuxfs", "rpc_pipefs", "nsfs", "autofs"),
)


def kernels_own_devices() -> set[int]:
    """Return the st_dev of file systems that are no files, by Linux's list of mounts; empty where there is none."""
    found = set()
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return set()
    for line in lines:
        mount, _, kind = line.partition(b" - ")
        if kind.split(b" ", 1)[0].decode("ascii", "replace") in _KERNELS_OWN:
            major, _, minor = mount.split(b" ")[2].partition(b":")
            found.add(os.makedev(int(major), int(minor)))
    return found
