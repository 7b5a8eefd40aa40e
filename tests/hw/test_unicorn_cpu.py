"""The engine does what the kernel counts on (design: facts measured with Unicorn)."""

import ctypes
import struct
import threading

from machine import AX, BX, CODE, CODE_FRAME, CX, DATA, DATA_FRAME, DI, DX, NX, PLAIN, RW, SI, TEXT, D, Machine
import pytest
from unicorn import unicorn_const, x86_const

from procession.hw import calibration, unicorn_cpu
from procession.hw.cpu import X86_TRAP_BP, X86_TRAP_DE, X86_TRAP_GP, X86_TRAP_PF, X86_TRAP_UD, CpuError
from procession.hw.unicorn_cpu import WRITE, UnicornCpu


@pytest.fixture
def m():
    machine = Machine()
    yield machine
    machine.cpu.close()


# Calibration.


def test_layout_is_measured_once_and_plausible(m):
    layout = m.cpu.layout
    offsets = [getattr(layout, name) for name in layout.__slots__ if name != "modes"]
    offsets += [word for word, _, _ in layout.modes]
    assert all(0 <= value <= layout.size for value in offsets)
    again = Machine()
    assert again.cpu.layout is layout
    again.cpu.close()


def test_registers_are_where_the_layout_says(m):
    cpu, layout = m.cpu, m.cpu.layout
    cpu.q[BX] = 0xDEADBEEF12345678
    assert cpu.read_register(x86_const.UC_X86_REG_RBX) == 0xDEADBEEF12345678
    cpu.q[layout.fs_base_q] = 0x7F0012345678
    assert cpu.read_register(x86_const.UC_X86_REG_FS_BASE) == 0x7F0012345678
    cpu.write_register(x86_const.UC_X86_REG_MXCSR, 0x1FA0)
    assert cpu.d[layout.mxcsr_d] == 0x1FA0
    cpu.write_register(x86_const.UC_X86_REG_EFLAGS, 0x202 | 0x41)
    assert cpu.q[layout.rflags_q] == 0x243


def test_a_library_that_is_not_understood_is_refused():
    with pytest.raises(CpuError, match="cannot be found"):
        calibration.find_state(id(object()), lambda *_: None)


def test_state_is_found_again_if_the_known_way_leads_elsewhere(m, monkeypatch):
    """Heap neighbours may point near the state by chance, and then not for the next engine."""
    monkeypatch.setattr(calibration, "_ways", [(3, 8), (55, 80)])
    other = m.engine()
    other.q[BX] = 12345
    assert other.read_register(x86_const.UC_X86_REG_RBX) == 12345
    other.close()


def test_a_bad_pointer_is_no_crash():
    peeker = calibration.Peeker()
    try:
        assert peeker.peek(0x10, 100) == b""
        assert peeker.peek(0xDEAD00000000, 100) == b""
    finally:
        peeker.close()


# Faults.


def test_fault_is_handled_inside_and_the_instruction_runs_again(m):
    m.code("488b0425 00104000 48890425 08104000 0f05")     # mov rax,[DATA]; mov [DATA+8],rax; syscall
    m.frames.q[DATA_FRAME << 9] = 77

    def fix(vector):
        m.map(DATA, DATA_FRAME, PLAIN | (RW | D if m.cpu.d[m.cpu.layout.error_code_d] & 2 else 0))
        return True

    m.on_fault = fix
    assert m.run() == [
        (X86_TRAP_PF, CODE, DATA, 4), (X86_TRAP_PF, CODE + 8, DATA + 8, 7), ("syscall", 77),
    ]
    assert m.frames.q[(DATA_FRAME << 9) + 1] == 77


def test_thousand_faults_never_become_a_double_fault(m):
    m.code("488b0425 00104000 0f05")
    count = 0

    def fix(vector):
        nonlocal count
        count += 1
        if count == 1000:
            m.map(DATA, DATA_FRAME, PLAIN)
        return True

    m.on_fault = fix
    assert {event[0] for event in m.run()} == {X86_TRAP_PF, "syscall"}
    assert count == 1000


def copy(m):
    """A handler that breaks copy-on-write; the copy differs, so that one can see which page is read."""

    def cow(vector):
        m.frames.q[18 << 9], m.frames.q[(18 << 9) + 1] = 100, 101
        m.map(DATA, 18, PLAIN | RW | D)
        return True

    return cow


def test_the_access_that_faulted_replaces_the_translation(m):
    """A store through a replaced entry needs no flush: later loads of that page see the new frame."""
    m.map(DATA, DATA_FRAME, PLAIN)
    m.frames.q[DATA_FRAME << 9], m.frames.q[(DATA_FRAME << 9) + 1] = 1, 2
    # mov rax,[DATA]; mov [DATA],rsi; mov rbx,[DATA+8]; syscall
    m.code("488b0425 00104000 48893425 00104000 488b1c25 08104000 0f05")
    m.on_fault = copy(m)
    m.run()
    assert (m.cpu.q[AX], m.cpu.q[BX]) == (1, 101)


def test_a_read_modify_write_that_is_repeated_reads_the_old_frame(m):
    """Harmless while the copy is equal; but the flush may be skipped only if the instruction is repeated at once."""
    m.map(DATA, DATA_FRAME, PLAIN)
    m.frames.q[DATA_FRAME << 9] = 1
    m.code("488b0425 00104000 48ff0425 00104000 488b1c25 00104000 0f05")
    m.on_fault = copy(m)
    m.run()
    assert (m.cpu.q[AX], m.cpu.q[BX]) == (1, 2)


def test_page_table_change_needs_set_page_table(m):
    m.map(DATA, DATA_FRAME, PLAIN)
    m.frames.q[DATA_FRAME << 9], m.frames.q[18 << 9] = 1, 2
    m.code("488b0425 00104000 0f05")
    m.run()
    m.map(DATA, 18, PLAIN)
    m.cpu.set_page_table(m.pgd)
    m.run()
    assert m.cpu.q[AX] == 2


def test_empty_page_table(m):
    m.cpu.set_page_table(0)
    assert m.run() == [(X86_TRAP_PF, CODE, CODE, 0x14)]


def test_nx(m):
    m.map(DATA, DATA_FRAME, PLAIN)
    assert m.run(DATA) == [(X86_TRAP_PF, DATA, DATA, 0x15)]


# Protection.


@pytest.mark.parametrize("code", [
    "f4", "fa", "0f20d8", "0f22d8", "0f32", "0f30", "0f31", "0f01f9", "0f01f8", "0f07",
], ids=["hlt", "cli", "mov rax,cr3", "mov cr3,rax", "rdmsr", "wrmsr", "rdtsc", "rdtscp", "swapgs", "sysret"])
def test_privileged_instructions_fault(m, code):
    m.code(code)
    assert m.run() == [(X86_TRAP_GP, CODE)]


def test_supervisor_pages_fault(m):
    m.map(DATA, DATA_FRAME, PLAIN & ~4)
    m.code("488b0425 00104000 0f05")
    assert m.run() == [(X86_TRAP_PF, CODE, DATA, 5)]


def test_port_io_is_reported(m):
    m.code("90 e480 0f05")
    assert m.run()[0] == ("port", CODE + 1)


@pytest.mark.parametrize(("code", "vector", "ip"), [
    ("31d2 31c9 f7f1", X86_TRAP_DE, 4), ("0f0b", X86_TRAP_UD, 0), ("cc", X86_TRAP_BP, 1), ("cd80", 0x80, 2),
    ("48b80000000000000080 ffe0", X86_TRAP_GP, None), ("0f3f", X86_TRAP_UD, 0),
])
def test_exceptions(m, code, vector, ip):
    m.code(code)
    event = m.run()[-1]
    assert event[0] == vector
    assert ip is None or event[1] == CODE + ip


def test_no_address_ends_a_run(m):
    """Not even 0, where emu_start's `until` would stop."""
    m.code("31c0 ffe0")
    assert m.run() == [(X86_TRAP_PF, 0, 0, 0x14)]


@pytest.mark.parametrize("code", ["0fc7f0", "0fc7f8"], ids=["rdrand", "rdseed"])
def test_no_host_entropy(m, code):
    m.code(code)
    assert m.run() == [(X86_TRAP_UD, CODE)]


# Counting.


def test_bytes_of_code_are_the_time(m):
    m.code("48ffc0 90 0f05")            # six bytes
    m.run()
    assert m.cpu.spent() == 1           # and a half, which is kept
    m.run()
    assert m.cpu.spent() == 2
    assert m.cpu.spent() == 0


@pytest.mark.parametrize("ns", [-5, 0, 1, 2, 10, 1001, 100_000])
def test_a_run_ends_behind_the_block_that_spends_the_last(m, ns):
    m.code("48ffc0 ebfb")               # inc rax; jmp: five bytes
    m.cpu.q[AX] = 0
    assert m.run(ns=ns) == []
    assert m.cpu.was_cut()
    turns = m.cpu.q[AX]
    assert turns == max(1, -(-4 * ns // 5))
    assert m.cpu.spent() == 5 * turns // 4
    assert m.cpu.q[m.ip] == CODE


def test_the_limit_can_be_moved_inside_a_hook(m):
    m.code("0f05 48ffc0 ebfb")
    m.cpu.q[AX] = 0
    m.syscalls_left = 1
    original = m.syscall

    def syscall():
        original()
        assert m.cpu.spent() == 0       # two bytes
        m.cpu.arm(25)

    m.syscall = syscall
    m.use(m.cpu)
    m.run()
    assert m.cpu.q[AX] == 20


def test_a_sysenter_goes_on_two_bytes_behind_where_its_hook_says(m):
    m.code("90 48ffc0 0f34 48ffc0 48ffc0 0f05")     # nop; inc rax; sysenter; inc rax; inc rax; syscall
    seen = []

    def sysenter():
        seen.append(m.cpu.q[AX])
        m.cpu.q[m.ip] = CODE + 9 - 2

    m.sysenter = sysenter
    m.use(m.cpu)
    assert m.run() == [("syscall", 2)]
    assert seen == [1]


def test_what_a_fault_leaves_of_a_block_is_not_counted(m):
    m.code("48ffc0 488b0425 00104000 90 90 90 90 0f05")     # inc rax; mov rax, [DATA]; nop ...; syscall
    seen = []

    def fault(_):
        seen.append(m.cpu.spent_until(m.cpu.q[m.ip]))
        m.map(DATA, DATA_FRAME, PLAIN)
        return True

    m.on_fault = fault
    assert m.run() == [(X86_TRAP_PF, CODE + 3, DATA, 4), ("syscall", 0)]
    assert seen == [0]                  # three bytes, and then eight, four and two
    assert m.cpu.spent() == 4


def test_what_is_begun_behind_a_stop_is_taken_back(m):
    m.code("90 90 90 90 ee 48ffc0 0f05 90 90 90 90 0f05")      # nop ...; out dx, al; inc rax; syscall; nop ...; syscall
    seen = []

    def port_io():
        seen.append(m.cpu.spent_until(m.cpu.q[m.ip]))
        m.cpu.stop()

    m.port_io = port_io
    m.use(m.cpu)
    m.run()
    m.cpu.rewind()
    assert seen == [1]
    assert m.cpu.spent() == 0


# add, adc, sbb, rcl, inc, shifts, bt, lahf, string compare, sse compare: whatever leaves flags in another form.
FLAGGY = (
    "b932000000 4801d8 4883d200 4819d3 48c1d003 48ffc6 4983d000 48d1e0 4983d100 f9 4983d200 f8 4983d200"
    "9f 0fb6ec 4901ea 4839d8 410f92c3 660f2fc1 410f97c4 7502 ffc0 ffc9 75c0 0f05"
)

def test_an_engine_that_does_not_know_its_blocks_counts_instructions(m, monkeypatch):
    monkeypatch.setattr(unicorn_cpu, "_counting", [])
    monkeypatch.setattr(calibration, "COUNTED", (calibration.COUNTED[0], calibration.COUNTED[1] + 1))
    with pytest.warns(RuntimeWarning, match="by instruction"):
        other = Machine()
    other.code("48ffc0 488b0425 00104000 90 0f05")
    other.map(DATA, DATA_FRAME, PLAIN)
    assert other.run() == [("syscall", 0)]
    assert other.cpu.spent() == 3
    assert other.run(ns=1) == []
    assert other.cpu.q[other.ip] == CODE + 3        # not at the end of the block
    other.cpu.close()
    again = Machine()                               # without a second warning
    again.cpu.close()


def test_a_handle_without_the_field_is_left_alone(m, monkeypatch):
    monkeypatch.setattr(unicorn_cpu, "_exit_requests", [])
    monkeypatch.setattr(calibration, "_BOOLEANS", ())
    with pytest.warns(RuntimeWarning, match="slower"):
        other = Machine()
    other.code("48ffc0 90 0f05")
    other.run()
    assert other.cpu.spent() == 1
    other.cpu.close()


# What ends it; whether the instruction at the end has been executed.
REFERENCE = (
    (FLAGGY, True),
    ("b964000000 f3a4 0f05", True),                     # rep movsb
    ("b900000000 f3a4 0f05", True),
    ("b932000000 48ffc8 7500 ffc9 75f7 0f05", True),
    ("48b80000000000000080 ffe0", True),                # to where nothing can be: the jump is done, or it is at fault
    ("b801000000 ffe0", True),                          # to where nothing is
    ("31d2 31c9 90 90 f7f1 90 90", False),
    ("90 0f0b 90", False), ("90 0f3f 90", False), ("90 488b042500000000 90 90 90", False),
    ("90 cc", True), ("90 cd80", True),
)


@pytest.mark.parametrize(("code", "done"), REFERENCE)
@pytest.mark.parametrize("asks", [0, 1], ids=["asked behind each access", "asked before blocks"])
def test_the_sum_is_that_of_the_instructions(code, done, asks):
    """A hook on each instruction adds up the same."""
    places, sums = [], []
    for by_instruction in (False, True):
        machine = Machine()
        machine.map(DATA, DATA_FRAME, PLAIN | RW | D)
        cpu = machine.cpu
        assert unicorn_cpu._exit_requests[0] >= 0
        ctypes.c_ubyte.from_address(cpu.handle + unicorn_cpu._exit_requests[0]).value = asks
        sizes = []
        if by_instruction:
            cpu._uc.hook_add(unicorn_const.UC_HOOK_CODE, lambda *args, to=sizes: to.append(args[2]))
        machine.code(code)
        cpu.q[DI], cpu.q[SI] = DATA + 512, DATA
        totals = []

        def interrupt(engine, vector, machine=machine, cpu=cpu, totals=totals):
            totals.append(cpu.spent() if done else cpu.spent_until(cpu.q[machine.ip]))
            Machine.interrupt(machine, engine, vector)

        def syscall(machine=machine, cpu=cpu, totals=totals):
            totals.append(cpu.spent())
            Machine.syscall(machine)

        machine.interrupt, machine.syscall = interrupt, syscall
        machine.use(cpu)
        machine.run()
        places.append(cpu.q[machine.ip])
        sums.append(sum(sizes if done else sizes[:-1]) // 4 if by_instruction else totals[0])
        cpu.close()
    assert places[0] == places[1]
    assert sums[0] == sums[1]


# Contexts.


def test_registers_move_between_engines(m):
    other = m.engine()
    task = m.task()
    m.cpu.load(task)
    m.code("48ffc0 d9e8 f20f5ac1 0f05 48ffc0 f9 0f05")
    cpu = m.cpu
    cpu.q[AX] = 41
    cpu.state[cpu.layout.xmm + 64:cpu.layout.xmm + 72] = struct.pack("<d", 2.5)
    m.run()
    resume = cpu.q[m.ip]
    assert resume == CODE + 11

    m.use(other)
    other.load(task)
    assert task.cpu is other
    assert cpu.owner is None
    assert task.q[AX] == 42
    m.run(resume)
    assert m.events == [("syscall", 43)]
    layout = other.layout
    assert struct.unpack("<f", other.state[layout.xmm:layout.xmm + 4])[0] == 2.5
    assert other.state[layout.fpstt] == 7
    other.unload()
    assert task.q[layout.rflags_q] & 1      # carry
    assert task.q[AX] == 43
    other.close()


def test_two_tasks_on_one_engine(m):
    a, b = m.task(), m.task()
    m.code("48ffc0 0f05")
    for _ in range(3):
        for task, start in ((a, 10), (b, 20)):
            m.cpu.load(task)
            if not task.q[m.ip]:
                task.q[AX] = start
            m.run()
    m.cpu.unload()
    assert (a.q[AX], b.q[AX]) == (13, 23)


def test_arithmetic_flags_survive_being_put_away(m):
    a, b = m.task(), m.task()
    m.cpu.load(a)
    m.code("48c7c0ffffffff 4883c001 0f05 0f92c3 0f05")      # add sets carry and zero; syscall; setc bl; syscall
    m.run()
    m.cpu.load(b)
    m.cpu.load(a)
    m.run(CODE + 13)
    assert m.cpu.q[BX] & 0xFF == 1


@pytest.mark.parametrize("zero", [0, 0x40])
def test_flags_are_obeyed_where_the_layout_says(zero):
    machine = Machine()
    machine.code("7407 b801000000 0f05 b802000000 0f05")      # jz; mov eax,1; syscall; mov eax,2; syscall
    machine.cpu.q[machine.cpu.layout.rflags_q] = 0x202 | zero
    assert machine.run() == [("syscall", 2 if zero else 1)]
    machine.cpu.close()


@pytest.mark.parametrize("ns", [1, 2, 3, 5, 7, 1000])
def test_interrupting_anywhere_changes_nothing(m, ns):
    m.code(FLAGGY)
    m.run()
    expected = list(m.cpu.q[:16])
    assert expected[CX] == 0
    cut = Machine()
    cpu, task, other = cut.cpu, cut.task(), cut.task()
    cpu.load(task)
    cut.code(FLAGGY)
    cpu.q[cut.ip] = CODE
    while not cut.events:
        cpu.spent()
        cpu.arm(ns)
        cpu.run()
        flags = cpu.q[cpu.layout.rflags_q]
        cpu.load(other)
        cpu.load(task)
        cpu.q[cpu.layout.rflags_q] = flags & 0x250DD5 | 0x202       # as sigreturn does
    assert list(cpu.q[:16]) == expected
    cpu.close()


# Translated code.


def test_stale_code_runs_on_until_dropped(m):
    m.code("b801000000 0f05")
    assert m.run() == [("syscall", 1)]
    start = CODE_FRAME << 12
    m.frames.phys[start:start + 5] = bytes.fromhex("b802000000")
    m.cpu.set_page_table(m.pgd)
    stale = m.run()[:]
    m.cpu.drop_code([CODE_FRAME])
    m.cpu.set_page_table(m.pgd)
    assert m.run() == [("syscall", 2)]
    # If this fails the engine has become better, and drop_code() is no longer needed.
    assert stale == [("syscall", 1)]


def test_code_is_dropped_inside_a_hook(m):
    """A system call that rewrites the code it returns to."""
    m.code("b801000000 0f05 b803000000 0f05")
    m.run()
    m.run(CODE + 7)
    m.syscalls_left = 1
    original = m.syscall

    def syscall():
        original()
        if m.syscalls_left == 0 and len(m.events) == 1:
            start = (CODE_FRAME << 12) + 7
            m.frames.phys[start:start + 5] = bytes.fromhex("b804000000")
            m.cpu.drop_code([CODE_FRAME])
            m.cpu.set_page_table(m.pgd)

    m.syscall = syscall
    m.use(m.cpu)
    assert m.run() == [("syscall", 1), ("syscall", 4)]


def test_many_frames_drop_everything(m):
    m.code("b801000000 0f05")
    m.run()
    start = CODE_FRAME << 12
    m.frames.phys[start:start + 5] = bytes.fromhex("b802000000")
    m.cpu.drop_code(list(range(200)))
    assert m.run() == [("syscall", 2)]


def test_self_modifying_code_is_seen_by_its_own_engine_only(m):
    m.map(CODE, CODE_FRAME, TEXT | RW | D)
    m.map(DATA, DATA_FRAME, TEXT | RW | D)
    body = "b801000000 0f05"
    m.frames.phys[(DATA_FRAME << 12):(DATA_FRAME << 12) + 7] = bytes.fromhex(body)
    other = m.engine()
    first = m.cpu
    m.use(other)
    assert m.run(DATA) == [("syscall", 1)]
    m.use(first)
    m.cpu.q[DI] = DATA
    m.code("c6470105 ffe7")                 # mov byte [rdi+1], 5; jmp rdi
    assert m.run() == [("syscall", 5)]
    m.use(other)
    other.drop_code([DATA_FRAME])
    other.set_page_table(m.pgd)
    assert m.run(DATA) == [("syscall", 5)]
    other.close()


# Stopping.


def test_exception_in_a_hook_comes_out_of_run(m):
    m.code("0f05")

    def syscall():
        m.cpu.error = ZeroDivisionError("x")
        m.cpu.stop()

    m.syscall = syscall
    m.use(m.cpu)
    with pytest.raises(ZeroDivisionError):
        m.run()


def test_endless_loop_can_be_interrupted_from_another_thread(m):
    m.code("ebfe")
    timer = threading.Timer(0.05, m.cpu.interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        m.run()
    timer.join()


def test_a_stop_from_outside_changes_nothing(m):
    """No instruction happens twice, none is left out, and the count is that of the code."""
    turns = 3_000_000
    m.map(DATA, DATA_FRAME, PLAIN | RW | D)
    m.code("48830701 48ffc0 48ffc9 75f4 0f05")   # 1: addq $1, (rdi); inc rax; dec rcx; jnz 1b; syscall
    m.cpu.q[AX], m.cpu.q[CX], m.cpu.q[DI] = 0, turns, DATA
    over = threading.Event()

    def stop():
        while not over.wait(0.0005):
            m.cpu.let_out()

    outside = threading.Thread(target=stop)
    outside.start()
    stops, ip = 0, CODE
    while not m.run(ip):
        assert m.cpu.was_cut()
        ip = m.cpu.q[m.ip]
        stops += 1
    over.set()
    outside.join()
    assert stops
    stored = m.frames.q[(DATA_FRAME << 12) // 8]
    assert (stored, m.cpu.q[AX], m.cpu.q[CX]) == (turns, turns, 0)
    assert m.cpu.spent() == (turns * 12 + 2) // 4


# Determinism.


def test_string_instructions_count_the_same_each_time(m):
    m.map(DATA, DATA_FRAME, PLAIN | RW | D)
    m.code("b964000000 f3a4 0f05")
    counts = set()
    for _ in range(3):
        m.cpu.q[DI], m.cpu.q[SI] = DATA + 512, DATA
        m.run()
        counts.add(m.cpu.spent_until(m.cpu.q[m.ip] + 2))
        assert m.cpu.q[CX] == 0
    assert len(counts) == 1


def test_rdtsc_can_be_answered_by_the_kernel(m):
    m.code("0f31 48c1e220 4809d0 0f05")

    def rdtsc(vector):
        m.cpu.q[AX], m.cpu.q[DX] = 5, 7
        m.cpu.q[m.ip] += 2
        return True

    m.on_fault = rdtsc
    assert m.run() == [(X86_TRAP_GP, CODE), ("syscall", 7 << 32 | 5)]


def test_engines_can_be_made_and_closed_many_times():
    for _ in range(20):
        machine = Machine()
        machine.code("0f05")
        assert machine.run() == [("syscall", 0)]
        machine.cpu.close()


def test_template_is_a_fresh_user_program(m):
    template = unicorn_cpu.user_template()
    layout = m.cpu.layout
    assert template[:128] == bytes(128)
    assert struct.unpack_from("<H", template, layout.fpuc)[0] == 0x37F
    assert struct.unpack_from("<I", template, layout.mxcsr_d * 4)[0] == 0x1F80
    assert NX      # the harness is complete


# Stopping between two instructions.


@pytest.fixture
def exact():
    machine = Machine()
    frames = machine.frames
    machine.use(UnicornCpu(frames.addr, frames.nr_pages << 12, memory=frames, by_instruction=True))
    machine.map(DATA, DATA_FRAME, PLAIN | RW | D)
    yield machine
    machine.cpu.close()


def test_an_access_to_memory_ends_the_run_behind_its_instruction(exact):
    """A hook sees physical addresses, of a span that may move without new translation."""
    exact.cpu.hook_memory((1 << 62, 1 << 62), lambda *_: None)
    exact.code("c7042500104000 01000000 8b042504104000 c7042508104000 02000000 ffc0 0f05")
    seen = []

    def accessed(engine, kind, address, size):
        seen.append((kind == WRITE, address, size))
        exact.cpu.end_now()

    place = DATA_FRAME << 12
    assert exact.run() == [("syscall", 1)]
    number = exact.cpu.hook_memory((place, place + 3), accessed)
    assert exact.run() == []
    assert seen == [(True, place, 4)]
    assert exact.cpu.was_cut()
    assert exact.cpu.q[exact.ip] == CODE + 11
    exact.cpu.unhook(number)
    exact.cpu.hook_memory((place + 4, place + 7), accessed)
    assert exact.run() == []
    assert seen[1:] == [(False, place + 4, 4)]
    assert exact.cpu.q[exact.ip] == CODE + 18
    assert exact.run(CODE + 18) == [("syscall", 1)]


def test_a_run_ends_before_an_instruction(exact):
    exact.code("ffc0 ffc0 ffc0 0f05")

    def reached(engine, address):
        exact.events.append(address)
        exact.cpu.stop()

    exact.cpu.hook_code(CODE + 4, reached)
    exact.cpu.drop_all_code()
    assert exact.run() == [CODE + 4]
    assert exact.cpu.q[exact.ip] == CODE + 4
    assert exact.cpu.q[AX] == 2


def test_where_a_block_ends(m):
    m.code("ffc0 90 0f05")
    m.run()
    assert m.cpu.block_end() == CODE + 5
