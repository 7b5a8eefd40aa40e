"""Control groups: who refers to which css_set, the trees, and what memory is charged to whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from procession.hw.memory import PG_CGROUP
from procession.include.linux.mm_types import PAGE_SIZE
from procession.include.linux.sched import PF_EXITING, PF_FROZEN, PF_STARTING
from procession.kernel import cgroup_freezer
from procession.mm.memcontrol import MemCgroup, mem_cgroup_from_cont
from procession.tools.validate.census import Census, tally

if TYPE_CHECKING:
    from procession.include.linux.cgroup import Cgroup, CgroupfsRoot, CssSet
    from procession.include.linux.kernel import Kernel

__all__ = ("validate_cgroup_trees", "validate_css_sets", "validate_memory_cgroups")


def _css_sets(k: Kernel) -> list[CssSet]:
    return [cg for same in k.cgroups.css_set_table.values() for cg in same]


def _all_roots(k: Kernel) -> list[CgroupfsRoot]:
    return [k.cgroups.rootnode, *k.cgroups.roots]


def _groups(cgrp: Cgroup) -> Iterator[Cgroup]:
    yield cgrp
    for child in cgrp.children.values():
        yield from _groups(child)


def validate_css_sets(seen: Census) -> list[str]:
    """Return which css_sets are counted wrongly, or lead to other groups than their states say."""
    k = seen.k
    state = k.cgroups
    if not state.subsys:
        return []
    wrong: list[str] = []
    users = tally([p.cgroups for p in seen.tasks])
    sets = _css_sets(k)
    for cg in sets:
        found = users.pop(cg, 0)
        if cg is state.init_css_set:
            leaving = sum(1 for p in seen.tasks if p.cgroups is cg and (p.flags & PF_EXITING or p.exit_state))
            if not found - leaving <= cg.refcount - 1 <= found:
                wrong.append(f"init_css_set: refcount {cg.refcount}, found {found} tasks, {leaving} leaving")
        elif cg.refcount != found:
            wrong.append(f"css_set {_name(cg)}: refcount {cg.refcount}, found {found}")
        wrong += _links(k, cg)
    wrong += [f"a css_set is not in the table: {_name(cg)}" for cg in users]
    active = k.caches["css_set"].nr_active
    if active != len(sets) - 1:
        wrong.append(f"css_set objects: {active}, found {len(sets) - 1}")
    if state.use_task_css_set_links:
        wrong += _lists(seen, sets)
    return wrong


def _name(cg: CssSet) -> str:
    return ",".join(link.cgrp.name or "/" for link in cg.cg_links)


def _links(k: Kernel, cg: CssSet) -> list[str]:
    wrong: list[str] = []
    if [link.cgrp.root for link in cg.cg_links] != _all_roots(k):
        wrong.append(f"css_set {_name(cg)}: not one link a hierarchy, in their order")
    for link in cg.cg_links:
        if link.cg is not cg or link not in link.cgrp.css_sets:
            wrong.append(f"css_set {_name(cg)}: {link.cgrp.name or '/'} does not know it")
        for ss in link.cgrp.root.subsys_list:
            if cg.subsys[ss.subsys_id] is not link.cgrp.subsys[ss.subsys_id]:
                wrong.append(f"css_set {_name(cg)}: the state of {ss.name} is another group's")
    return wrong


def _lists(seen: Census, sets: list[CssSet]) -> list[str]:
    wrong = [f"{p!r} is listed in {_name(cg)}" for cg in sets for p in cg.tasks if p.cgroups is not cg]
    for p in seen.hashed:
        if not p.flags & (PF_EXITING | PF_STARTING) and p not in p.cgroups.tasks:
            wrong.append(f"{p!r} is not listed in its css_set {_name(p.cgroups)}")
    return wrong


def validate_cgroup_trees(seen: Census) -> list[str]:
    """Return which hierarchies and groups contradict each other, and who is frozen where nobody is."""
    k = seen.k
    wrong: list[str] = []
    made = 0
    for root in _all_roots(k):
        groups = list(_groups(root.top_cgroup))
        made += len(groups) - 1
        if root.number_of_cgroups != len(groups):
            wrong.append(f"hierarchy {root.hierarchy_id}: {root.number_of_cgroups} groups, found {len(groups)}")
        if root.subsys_bits != sum(1 << ss.subsys_id for ss in root.subsys_list) and root.sb is not None:
            wrong.append(f"hierarchy {root.hierarchy_id}: bits {root.subsys_bits:#x} of other controllers")
        wrong += [f"{ss.name} is in two hierarchies" for ss in root.subsys_list if ss.root is not root]
        for cgrp in groups:
            if cgrp.count != len(cgrp.css_sets):
                wrong.append(f"group {cgrp.name or '/'}: count {cgrp.count}, found {len(cgrp.css_sets)}")
            for name, child in cgrp.children.items():
                if child.parent is not cgrp or child.name != name or child.root is not root:
                    wrong.append(f"group {name} is not what its parent takes it for")
    if sum(len(root.subsys_list) for root in _all_roots(k)) != len(k.cgroups.subsys):
        wrong.append("a controller is in no hierarchy")
    if "cgroup" in k.caches and k.caches["cgroup"].nr_active != made:
        wrong.append(f"cgroup objects: {k.caches['cgroup'].nr_active}, found {made}")
    for p in seen.hashed:
        if p.flags & PF_FROZEN and not p.exit_state and cgroup_freezer.freezer_state(p) == "THAWED":
            wrong.append(f"{p!r} is frozen in a group that is not")
    return wrong


def validate_memory_cgroups(seen: Census) -> list[str]:
    """Return which pages are charged to nobody or to two, and which groups' usage is not the sum of theirs."""
    k = seen.k
    controller = k.mm.memcg
    if controller is None:
        return []
    wrong: list[str] = []
    subsys = next(ss for ss in k.cgroups.subsys if ss.name == "memory")
    assert subsys.root is not None
    groups = [mem_cgroup_from_cont(cgrp) for cgrp in _groups(subsys.root.top_cgroup)]
    listed = {pfn: memcg for memcg in groups for pfn in (*memcg.rss, *memcg.cache)}
    if listed != controller.pages or sum(len(memcg.rss) + len(memcg.cache) for memcg in groups) != len(listed):
        wrong.append(f"{len(controller.pages)} pages are charged, {len(listed)} listed by groups")
    marked = [pfn for pfn in range(k.mm.next_fresh) if k.frames.pflags[pfn] & PG_CGROUP]
    if marked != sorted(controller.pages):
        wrong.append(f"{len(controller.pages)} pages are charged, {len(marked)} marked")
    wrong += [f"frame {pfn} is charged and free" for pfn in controller.pages if not k.frames.count[pfn]]
    stock = tally([memcg for memcg, nr in controller.stock for _ in range(nr)])
    for memcg in groups:
        if memcg.is_root:
            continue
        pages = sum(_own_pages(each, stock) for each in memcg.subtree())
        for name, counter in (("memory", memcg.res), ("memory+swap", memcg.memsw)):
            if counter.usage != pages * PAGE_SIZE:
                wrong.append(f"group {memcg.cgroup.name}: {name} usage {counter.usage}, found {pages * PAGE_SIZE}")
    return wrong


def _own_pages(memcg: MemCgroup, stock: dict[MemCgroup, int]) -> int:
    return len(memcg.rss) + len(memcg.cache) + stock.get(memcg, 0)
