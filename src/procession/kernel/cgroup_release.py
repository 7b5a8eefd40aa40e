"""Telling that a group has nobody in it any more: release agents, and eventfds (kernel/cgroup.c; spec cgroups A7, A9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.include.linux.cgroup import CGRP_NOTIFY_ON_RELEASE, CGRP_RELEASABLE, CGRP_REMOVED

if TYPE_CHECKING:
    from procession.include.linux.cgroup import Cgroup, CgroupEvent
    from procession.include.linux.kernel import Kernel

__all__ = ("check_for_release", "remove_event")


def check_for_release(k: Kernel, cgrp: Cgroup) -> None:
    """Have the release agent run if the group has become empty, and somebody wants to know."""
    wanted = CGRP_NOTIFY_ON_RELEASE | CGRP_RELEASABLE
    if cgrp.flags & wanted != wanted or cgrp.count or cgrp.children:
        return
    if cgrp.flags & CGRP_REMOVED or cgrp.release_queued:
        return
    cgrp.release_queued = True
    k.cgroups.release_list.insert(0, cgrp)


def remove_event(cgrp: Cgroup, event: CgroupEvent, *, signal: bool) -> None:
    """Forget that an eventfd wants to be told of something; signal: tell it that the group is gone."""
    cgrp.event_list.remove(event)
    assert event.cft.unregister_event is not None
    event.cft.unregister_event(cgrp, event.cft, event.eventfd)
    assert event.forget is not None
    event.forget(signal)
    event.forget = None
