"""Namespaces as files (include/linux/proc_ns.h)."""

from __future__ import annotations

from typing import TypeAlias

from procession.include.linux.fs import S_IFREG, File, Inode, MntNamespace, SuperBlock
from procession.include.linux.ipc_namespace import IpcNamespace
from procession.include.linux.nsproxy import NetNamespace, UserNamespace, UtsNamespace
from procession.include.linux.pid import PidNamespace

Namespace: TypeAlias = UtsNamespace | IpcNamespace | NetNamespace | PidNamespace | UserNamespace | MntNamespace


class NsFile(File):
    """An open namespace file: its inode keeps the namespace, and setns(2) takes it from here."""


class NsfsInode(Inode):
    """What a later link in /proc/PID/ns leads to: the file of ns. It has a reference to that (fs/nsfs.py)."""

    def __init__(self, sb: SuperBlock, ns: Namespace) -> None:
        super().__init__(sb, ns.inum, S_IFREG | 0o444, i_nlink=0)
        self.ns = ns
        ns.count += 1
