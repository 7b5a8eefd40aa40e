"""Contexts of asynchronous input and output: who refers to them, and what they count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from procession.fs import aio
from procession.include.linux.aio import Kioctx
from procession.tools.validate.census import tally

if TYPE_CHECKING:
    from procession.tools.validate.census import Census

__all__ = ("validate_aio",)


def validate_aio(seen: Census) -> list[str]:
    """Return which contexts have counts that are off."""
    k = seen.k
    if "kioctx" not in k.caches:
        return []
    wrong: list[str] = []
    listed = [ctx for mm in seen.mms for ctx in mm.ioctx_list or ()]
    users = tally(seen.held_of(Kioctx), tally(listed))
    going = [arg[1] for func, arg in (*k.rcu.next, *k.rcu.wait) if func is aio.ctx_rcu_free]
    requests = 0
    for ctx, found in users.items():
        if ctx.users != found:
            wrong.append(f"users of context {ctx.user_id:#x}: {ctx.users}, found {found}")
        if not ctx.dead and ctx.reqs_active != len(ctx.active_reqs):
            wrong.append(f"context {ctx.user_id:#x}: reqs_active {ctx.reqs_active}, found {len(ctx.active_reqs)}")
        requests += ctx.reqs_active
    for what, count, found in (
        ("kioctx objects", k.caches["kioctx"].nr_active, len(users) + len(going)),
        ("kiocb objects", k.caches["kiocb"].nr_active, requests),
        ("aio_nr", k.vfs.aio_nr, sum([ctx.max_reqs for ctx in (*users, *going)])),
    ):
        if count != found:
            wrong.append(f"{what}: {count}, found {found}")
    return wrong
