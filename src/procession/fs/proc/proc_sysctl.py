"""/proc/sys: the tables of kernel/sysctl.py as files (fs/proc/proc_sysctl.c)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Union

from procession.fs.proc import generic
from procession.include.linux.proc_fs import ProcDir
from procession.kernel import sysctl

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.proc_fs import ProcSuperBlock
    from procession.kernel.sysctl import CtlTable

__all__ = ("proc_sys_dir", "proc_sys_init")

Tree = Mapping[str, Union["CtlTable", "Tree"]]


def proc_sys_init(k: Kernel) -> None:
    """Give the values that have no other home their defaults."""
    sysctl.sysctl_init(k)


def proc_sys_dir(sb: ProcSuperBlock) -> ProcDir:
    """Return the directory /proc/sys."""
    return _directory(sb, sysctl.root_table())


def _directory(sb: ProcSuperBlock, tree: Tree) -> ProcDir:
    out = ProcDir(sb)
    for name, entry in tree.items():
        if isinstance(entry, Mapping):
            out.add(name, _directory(sb, entry))
        else:
            out.add(name, generic.ProcReg(sb, entry.mode, entry.show, entry.store))
    return out
