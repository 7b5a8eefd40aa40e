"""mmap, munmap, mprotect, mremap, fork and writes against a model that is a dictionary of pages."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from procession.include.linux.errno import LinuxError
from procession.mm import madvise, mlock, mmap, mprotect, mremap, page_alloc, uaccess
from procession.tools import validate

from .conftest import exit_mm, fork, make_file, make_kernel, map_file

BASE = 0x20000000 - 20 * 4096     # page tables end in the middle of the range
PAGES = 48
P = 4096
FILE = bytes(range(1, 9)) * 2048   # 4 pages

page = st.integers(0, PAGES - 1)
length = st.integers(1, 14)
prots = st.sampled_from([0, 1, 3, 5, 7, 3, 3])


class Cell:
    """A page of memory as everybody who shares it sees it."""

    def __init__(self, data):
        self.data = bytearray(data)


class Machine(RuleBasedStateMachine):
    """Two or three processes; the model maps page number to (protection, cell, shared)."""

    @initialize()
    def boot(self):
        self.k = make_kernel(4)
        self.base_frames = page_alloc.nr_used_pages(self.k)
        self.file = make_file(self.k, FILE)
        self.file_cells = [Cell(FILE[i * P:(i + 1) * P]) for i in range(4)]
        self.tasks = [self.k.task]
        self.models = [{}]
        self.shared_sets = 0

    def pick(self, who):
        i = who % len(self.tasks)
        self.k.task = self.tasks[i]
        return self.tasks[i], self.models[i]

    who = st.integers(0, 2)

    @rule(who=who, at=page, n=length, prot=prots, shared=st.booleans())
    def map_anon(self, who, at, n, prot, shared):
        p, model = self.pick(who)
        mmap.sys_mmap(p, BASE + at * P, n * P, prot, 0x31 if shared else 0x32, -1, 0)
        for i in range(at, at + n):
            model[i] = [prot, Cell(bytes(P)), shared]

    @rule(who=who, at=page, n=st.integers(1, 4), off=st.integers(0, 3), prot=prots, shared=st.booleans())
    def map_file(self, who, at, n, off, prot, shared):
        n = min(n, 4 - off)
        p, model = self.pick(who)
        map_file(p, self.file, BASE + at * P, n * P, prot, 0x11 if shared else 0x12, off)
        for i in range(n):
            cell = self.file_cells[off + i]
            # A private page follows the file until it is written.
            model[at + i] = [prot, cell, True] if shared else [prot, cell, "follows"]

    @rule(who=who, at=page, n=length)
    def unmap(self, who, at, n):
        p, model = self.pick(who)
        mmap.sys_munmap(p, BASE + at * P, n * P)
        for i in range(at, at + n):
            model.pop(i, None)

    @rule(who=who, at=page, n=length, prot=prots)
    def protect(self, who, at, n, prot):
        p, model = self.pick(who)
        try:
            mprotect.sys_mprotect(p, BASE + at * P, n * P, prot)
        except LinuxError:
            assert any(i not in model for i in range(at, at + n))
        else:
            assert all(i in model for i in range(at, at + n))
        for i in range(at, at + n):
            if i not in model:
                break
            model[i][0] = prot

    @rule(who=who, at=page, offset=st.sampled_from([0, 1, 4000, 4094]), data=st.binary(min_size=1, max_size=200))
    def write(self, who, at, offset, data):
        p, model = self.pick(who)
        start = at * P + offset
        ok = all(i in model and model[i][0] & 2 for i in {start // P, (start + len(data) - 1) // P})
        try:
            uaccess.copy_to_user(p, BASE + start, data)
        except LinuxError:
            assert not ok
            ok_first = at in model and model[at][0] & 2
            if not ok_first:
                return
            data = data[:P - offset]
        else:
            assert ok
        for j, byte in enumerate(data):
            i, o = divmod(start + j, P)
            entry = model[i]
            if entry[2] == "follows":
                entry[1], entry[2] = Cell(entry[1].data), False
            entry[1].data[o] = byte

    @rule(who=who, at=page)
    def read(self, who, at):
        p, model = self.pick(who)
        ok = at in model and model[at][0]
        try:
            data = uaccess.copy_from_user(p, BASE + at * P, P)
        except LinuxError:
            assert not ok
        else:
            assert ok
            assert data == model[at][1].data

    @rule(who=who, at=page, n=length)
    def dontneed(self, who, at, n):
        p, model = self.pick(who)
        try:
            madvise.sys_madvise(p, BASE + at * P, n * P, 4)
        except LinuxError:
            pass
        for i in range(at, at + n):
            if i in model and model[i][2] is False:
                vma = mmap.find_vma(p.mm, BASE + i * P)
                if vma.vm_flags & 0x2000:
                    break
                if vma.vm_file is None:
                    model[i][1] = Cell(bytes(P))
                else:
                    index = (BASE + i * P - vma.vm_start) // P + vma.vm_pgoff
                    model[i][1], model[i][2] = self.file_cells[index], "follows"

    @rule(who=who, at=page, n=st.integers(1, 6), new=st.integers(1, 8), to=page)
    def remap(self, who, at, n, new, to):
        p, model = self.pick(who)
        before = dict(model)
        vma = mmap.find_vma(p.mm, BASE + at * P)
        one = vma is not None and vma.vm_start <= BASE + at * P and BASE + (at + min(n, new)) * P <= vma.vm_end
        file = one and vma.vm_file is not None
        if file and new > n:
            new = n     # beyond the end of the file is another test's business
        overlap = to <= at < to + new or at <= to < at + n
        try:
            mremap.sys_mremap(p, BASE + at * P, n * P, new * P, 3, BASE + to * P)
        except LinuxError:
            if not overlap:
                for i in range(to, to + new):
                    model.pop(i, None)
                for i in range(at + new, at + n):
                    model.pop(i, None)
            assert overlap or not one or any(i not in before for i in range(at, at + n)) or not self._same(p, at, n)
            return
        assert not overlap
        moved = [before[at + i] for i in range(min(n, new))]
        for i in (*range(to, to + new), *range(at, at + n)):
            model.pop(i, None)
        prot, _, shared = moved[0]
        for i in range(new):
            model[to + i] = moved[i] if i < len(moved) else [prot, Cell(bytes(P)), shared]

    def _same(self, p, at, n):
        return mmap.find_vma(p.mm, BASE + at * P) is mmap.find_vma(p.mm, BASE + (at + n - 1) * P)

    @rule(who=who, at=page, n=length, on=st.booleans())
    def lock(self, who, at, n, on):
        p, _ = self.pick(who)
        try:
            (mlock.sys_mlock if on else mlock.sys_munlock)(p, BASE + at * P, n * P)
        except LinuxError:
            pass

    @precondition(lambda self: len(self.tasks) < 3)
    @rule(who=who)
    def fork(self, who):
        p, model = self.pick(who)
        self.tasks.append(fork(p))
        copy = {}
        for i, (prot, cell, shared) in model.items():
            copy[i] = [prot, cell if shared else Cell(cell.data), shared]
        self.models.append(copy)

    @precondition(lambda self: len(self.tasks) > 1)
    @rule(who=who)
    def exit(self, who):
        i = who % len(self.tasks)
        exit_mm(self.tasks.pop(i))
        self.models.pop(i)
        self.k.task = self.tasks[0]

    @invariant()
    def memory_is_consistent(self):
        if not hasattr(self, "k"):
            return
        assert validate.validate_memory(validate.Census(self.k)) == []
        for p, model in zip(self.tasks, self.models, strict=True):
            mapped = {}
            for vma in p.mm.mmap:
                for i in range((vma.vm_start - BASE) // P, (vma.vm_end - BASE) // P):
                    mapped[i] = vma.vm_flags & 7
            assert mapped == {i: entry[0] for i, entry in model.items()}

    def teardown(self):
        if not hasattr(self, "k"):
            return
        for p in self.tasks:
            exit_mm(p)
        assert page_alloc.nr_used_pages(self.k) == self.base_frames
        assert self.k.mm.vm_committed == 0
        assert self.k.caches["vm_area_struct"].nr_active == 0
        assert self.file.f_count == 1


TestModel = Machine.TestCase
TestModel.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck),
)
