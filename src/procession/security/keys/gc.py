"""The collector of keys that nobody uses, and of links to keys that have expired (security/keys/gc.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.hrtimer import Hrtimer
from procession.include.linux.key import KEY_FLAG_IN_QUOTA, KEY_FLAG_INSTANTIATED, key_put
from procession.include.linux.time import NSEC_PER_SEC
from procession.include.linux.workqueue import WorkStruct
from procession.kernel import hrtimer, workqueue
from procession.security.keys.keyring import KEYQUOTA_LINK_BYTES, SIZEOF_KEYRING_LIST
from procession.security.keys.user_defined import key_payload_reserve

if TYPE_CHECKING:
    from procession.include.linux.kernel import Kernel
    from procession.include.linux.key import Key
    from procession.include.linux.sched import Task

__all__ = ("key_collect", "key_gc_init", "key_schedule_gc")


def key_gc_init(k: Kernel) -> None:
    """Make the collector's work and timer."""
    k.keys.gc_work = WorkStruct(key_garbage_collector)
    k.keys.gc_timer = Hrtimer(_timer, data=k, realtime=True)
    k.keys.schedule_gc = key_schedule_gc_links


def _timer(timer: Hrtimer) -> int | None:
    k: Kernel = timer.data  # type: ignore[assignment]
    key_schedule_gc_links(k)
    return None


def key_schedule_gc_links(k: Kernel) -> None:
    """Have everything looked at, soon."""
    k.keys.gc_next_run = 0
    workqueue.schedule_work(k, k.keys.gc_work)


def key_schedule_gc(k: Kernel, gc_at: int) -> None:
    """Have links to what has expired taken away at gc_at, s of CLOCK_REALTIME."""
    now = (k.boot_time_ns + k.clock.now_ns) // NSEC_PER_SEC
    if gc_at <= now:
        key_schedule_gc_links(k)
    elif not k.keys.gc_next_run or gc_at < k.keys.gc_next_run:
        k.keys.gc_next_run = gc_at
        hrtimer.hrtimer_start(k, k.keys.gc_timer, gc_at * NSEC_PER_SEC)


async def key_garbage_collector(current: Task, work: WorkStruct) -> None:
    """What the worker does."""
    key_collect(current.kernel)


def key_collect(k: Kernel) -> None:
    """Take expired keys out of keyrings, and free those that nobody uses."""
    limit = (k.boot_time_ns + k.clock.now_ns) // NSEC_PER_SEC - k.keys.gc_delay
    next_expiry = 0
    for key in list(k.keys.serials.values()):
        if key.expiry > limit and (not next_expiry or key.expiry < next_expiry):
            next_expiry = key.expiry
        if key.usage and isinstance(key.payload, list):
            _gc_keyring(k, key, limit)
    dead = [key for key in k.keys.serials.values() if not key.usage]
    while dead:
        for key in dead:
            key_gc_unused_key(k, key)
        dead = [key for key in k.keys.serials.values() if not key.usage]
    if next_expiry:
        key_schedule_gc(k, next_expiry + k.keys.gc_delay)


def _gc_keyring(k: Kernel, keyring: Key, limit: int) -> None:
    links: list[Key] = keyring.payload
    dead = [key for key in links if 0 < key.expiry <= limit]
    if not dead:
        return
    for key in dead:
        links.remove(key)
        key_put(k, key)
    key_payload_reserve(k, keyring, SIZEOF_KEYRING_LIST + KEYQUOTA_LINK_BYTES * len(links))


def key_gc_unused_key(k: Kernel, key: Key) -> None:
    """Free a key, and give its user the room back."""
    del k.keys.serials[key.serial]
    if key.type.destroy is not None:
        key.type.destroy(k, key)
    user = key.user
    if key.flags & KEY_FLAG_IN_QUOTA:
        user.qnkeys -= 1
        user.qnbytes -= key.quotalen
    user.nkeys -= 1
    if key.flags & KEY_FLAG_INSTANTIATED:
        user.nikeys -= 1
    user.usage -= 1
    if not user.usage:
        del k.keys.users[user.uid, user.ns_serial]
        k.caches["key_user"].free()
    k.caches["key_jar"].free()
