"""Fault injection: make the n-th allocation of one system call fail, and count what a machine has left over."""

from __future__ import annotations

from contextlib import contextmanager

from procession import Kernel
from procession.include.linux.errno import Errno, LinuxError
from procession.mm import page_alloc

ENOMEM = int(Errno.ENOMEM)


class Injector:
    """While a call named so is being made, its n-th allocation fails (from 0); kind: "object" or "page"."""

    def __init__(self, kernel, calls, n, kind="object", first=1):
        self.kernel = kernel
        self.calls = calls
        self.n = n
        self.kind = kind
        self.first = first          # arm at the first-th such call
        self.seen = 0
        self.caller = None
        self.hit = None             # what was refused
        self.kept = None
        kernel.trace.subscribe(self.on_event, "sys_enter", "sys_exit")

    def on_event(self, event):
        _, _, pid, _, what, _, name, *_ = event
        if name not in self.calls:
            return
        if what == "sys_enter" and self.caller is None:
            self.seen += 1
            if self.seen == self.first:
                self.caller = pid
                self.arm()
        elif what == "sys_exit" and self.caller == pid:
            self.disarm()
            self.caller = -1

    def arm(self):
        self.count = 0
        k = self.kernel
        if self.kind == "page":
            free = k.free_list
            rest = len(free) - self.n
            self.kept = free[:rest] if rest > 0 else []
            self.total = k.total_pages
            del free[:len(self.kept)]
            k.total_pages = k.next_fresh + max(0, -rest)
            return
        for cache in k.caches.values():
            cache.fail = self.fail

    def disarm(self):
        k = self.kernel
        if self.kind == "page":
            if self.kept is not None:
                k.free_list[:0] = self.kept
                k.total_pages = self.total
                self.kept = None
            return
        for cache in k.caches.values():
            cache.fail = None

    def fail(self, cache):
        self.count += 1
        if self.count == self.n + 1:
            self.hit = cache.name
            raise LinuxError(Errno.ENOMEM, f"injected into {cache.name}")


@contextmanager
def no_oom(monkeypatch, injector):
    """Let memory run out without a victim."""
    def slowpath(k):
        injector.hit = "page"
        raise LinuxError(Errno.ENOMEM, "injected")

    free = page_alloc.nr_free_pages
    with monkeypatch.context() as patch:
        patch.setattr(page_alloc, "_alloc_slowpath", slowpath)
        # Else the overcommit check refuses before anything is allocated.
        patch.setattr(page_alloc, "nr_free_pages", lambda k: free(k) + (1 << 20 if injector.kept is not None else 0))
        yield


def census(k):
    """Counts that every run of a program must leave alike, whatever failed in between."""
    ns = k.init_nsproxy
    root = k.root_user
    return {
        "caches": {name: cache.nr_active for name, cache in k.caches.items() if name != "inode_cache"},
        "threads": k.nr_threads,
        "processes": k.process_counts,
        "tasks": len(k.tasks),
        "root": (root.count, root.processes, root.sigpending),
        "users": len(k.uidhash),
        "pid_ns": (k.init_pid_ns.count, len(k.init_pid_ns.pids), k.init_pid_ns.pidmap[0].nr_free),
        "nsproxy": (ns.count, ns.uts_ns.count, ns.ipc_ns.count, ns.net_ns.count, ns.mnt_ns.count),
        "pid 0": [list(users or ()) for users in k.init_struct_pid.tasks],
        "committed": k.vm_committed,
        "mounts": len(k.mount_hashtable),
    }


def run_with(program, calls, n, monkeypatch, *, kind="object", first=1, args=(), **options):
    """Boot, run program with one allocation refused; returns (result, what was refused or None)."""
    k = Kernel(**options)
    injector = Injector(k, calls, n, kind, first)
    with no_oom(monkeypatch, injector):
        result = k.run(program, *args)
    k.check_baseline()
    return result, injector.hit


def every_failure(program, calls, monkeypatch, **options):
    """Refuse each allocation of the call in turn until none is left; yields (what was refused, result)."""
    reference = census(run_with(program, calls, 1 << 30, monkeypatch, **options)[0].kernel)
    n = 0
    while True:
        result, hit = run_with(program, calls, n, monkeypatch, **options)
        left = census(result.kernel)
        left["pid 0"] = [[p.pid for p in users] for users in left["pid 0"]]
        expected = dict(reference)
        expected["pid 0"] = [[p.pid for p in users] for users in reference["pid 0"]]
        assert left == expected, f"after failure {n} ({hit})"
        if hit is None:
            return
        yield hit, result
        n += 1
