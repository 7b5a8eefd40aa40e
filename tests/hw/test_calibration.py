"""Builds of Unicorn that are not understood: each is refused, with what is the matter with it."""

from __future__ import annotations

import ctypes
import struct

from machine import CODE, DI, Machine
import pytest
from unicorn import x86_const

from procession.hw import calibration, unicorn_cpu
from procession.hw.cpu import CpuError
from procession.hw.unicorn_cpu import _NoHooks, _view

ES, LOAD, STORE, INT_20, FLD1, OUT = "8ec0 0f05", "488b07", "488907", "cd20", "d9e8 0f05", "ee 488907 48894708 0f05"


@pytest.fixture
def m():
    machine = Machine()
    yield machine
    machine.cpu.close()


@pytest.fixture
def cpu(m):
    """An engine that is as calibration has left it, but that it asks for a stop behind each access to memory."""
    made = m.engine()
    if unicorn_cpu._exit_requests[0] >= 0:
        _view(made.handle + unicorn_cpu._exit_requests[0], 1)[0] = 0
    yield made
    made.close()


class Odd:
    """An engine but for what is odd about it: code that does something else, registers that are others."""

    def __init__(self, cpu, code=None, registers=None):
        cpu.set_hooks(_NoHooks(cpu))
        self.cpu = cpu
        self.code = {bytes.fromhex(text): other for text, other in (code or {}).items()}
        self.registers = registers or {}
        address = calibration.find_state(cpu.handle, cpu.write_register)
        size = unicorn_cpu.uclib.uc_context_size(cpu._uc._uch)
        self.window = _view(address, size - size % 64)

    def __getattr__(self, name):
        return getattr(self.cpu, name)

    def run_firmware(self, code):
        other = self.code.get(code)
        if other is None:
            self.cpu.run_firmware(code)
        else:
            other(self)

    def write_register(self, register, value):
        register = self.registers.get(register, register)
        if register is not None:
            self.cpu.write_register(register, value)


def nothing(odd):
    pass


def as_if(text):
    return lambda odd: odd.cpu.run_firmware(bytes.fromhex(text))


def quietly(text):
    """A fault that is not the last exception."""
    def run(odd):
        odd.cpu.run_firmware(bytes.fromhex(text))
        odd.cpu.d[odd.cpu.layout.old_exception_d] = 0xFFFFFFFF
    return run


def test_calibration_finds_the_same_again(cpu):
    odd = Odd(cpu)
    found, known = calibration.calibrate(odd, odd.window), cpu.layout
    assert {name: getattr(found, name) for name in known.__slots__ if name != "modes"} == {
        name: getattr(known, name) for name in known.__slots__ if name != "modes"}
    assert calibration.find_modes(odd) == known.modes


@pytest.mark.parametrize(("code", "complaint"), [
    ({LOAD: nothing}, "no page fault"), ({LOAD: quietly(LOAD)}, r"last exception found at \[\]"),
    ({STORE: as_if(LOAD)}, r"error code found at \[\]"), ({INT_20: nothing}, "INT n does not show"),
    ({FLD1: nothing}, r"x87 found at \[\] \[\] \[\]"), ({ES: nothing}, "no selectors"),
    ({"31c9 8ec1 0f05": nothing}, "no selectors"),
])
def test_code_that_does_something_else(cpu, code, complaint):
    odd = Odd(cpu, code)
    with pytest.raises(CpuError, match=f"^calibration: {complaint}$"):
        calibration.calibrate(odd, odd.window)


@pytest.mark.parametrize(("registers", "complaint"), [
    ({"RIP": None}, r"RIP found at \[\]"),
    ({"XMM15": "XMM14"}, r"XMM15 found at \[\d+\]|XMM registers are not in a row"),
])
def test_registers_that_are_elsewhere(cpu, registers, complaint):
    numbers = {name: getattr(x86_const, f"UC_X86_REG_{name}") for name in ("RIP", "XMM14", "XMM15")}
    odd = Odd(cpu, registers={numbers[name]: numbers.get(other) for name, other in registers.items()})
    with pytest.raises(CpuError, match=f"^calibration: ({complaint})$"):
        calibration.calibrate(odd, odd.window)


def test_x87_registers_that_are_scattered(cpu, monkeypatch):
    monkeypatch.setattr(calibration, "_X87_SPAN", 100)
    odd = Odd(cpu)
    with pytest.raises(CpuError, match="not in one piece"):
        calibration.calibrate(odd, odd.window)


def test_no_code_of_32_bits(cpu):
    odd = Odd(cpu)
    odd.run_short_firmware = odd.run_firmware
    with pytest.raises(CpuError, match="no code of 32 bits"):
        calibration.find_modes(odd)


def test_a_stop_that_does_not_come(cpu):
    odd = Odd(cpu, {OUT: nothing})
    with pytest.raises(CpuError, match="port I/O does not end a run"):
        calibration.find_exit_request(odd, cpu._set_context_mode)


def test_a_field_that_does_not_help_is_left_as_it_was(cpu, monkeypatch):
    asked = []
    monkeypatch.setattr(calibration, "_ends_behind_a_store", lambda _: asked.append(handle()) or True)
    peeker = calibration.Peeker()

    def handle():
        return peeker.peek(cpu.handle, calibration.HANDLE_SIZE)

    before = handle()
    assert calibration.find_exit_request(cpu, cpu._set_context_mode) == -1
    assert handle() == before
    changed = [at for at in range(len(before)) if asked[1][at] != before[at]]       # while it was tried
    assert changed == unicorn_cpu._exit_requests
    peeker.close()


def test_a_copy_of_the_registers_is_not_the_registers(monkeypatch):
    """What only looks like them stays as it is when a register is written."""
    monkeypatch.setattr(calibration, "_ways", [])
    size = len(calibration._PATTERN)
    memory = (ctypes.c_ubyte * (calibration._SPAN + 64))()
    copy, real = 64, 64 + size + 128
    state = ctypes.addressof(memory)
    handle = (ctypes.c_uint64 * (calibration.HANDLE_SIZE // 8))()
    handle[5] = state
    names = [getattr(x86_const, f"UC_X86_REG_{name}") for name in calibration._GPRS]
    memory[copy:copy + size] = calibration._PATTERN

    def write(register, value):
        at = real + 8 * names.index(register)
        memory[at:at + 8] = struct.pack("<Q", value)

    assert calibration.find_state(ctypes.addressof(handle), write) == state + real
    assert calibration._ways == [(5, real)]


# An engine that cannot be made, or fails.


class Other:
    """An engine of C, or what stands for it, but for one of its functions."""

    def __init__(self, made, **others):
        self.made = made
        self.others = others

    def __getattr__(self, name):
        return self.others.get(name) or getattr(self.made, name)


@pytest.mark.parametrize(("others", "complaint"), [
    ({"count": lambda *_: (2, 0)}, "cannot count: "),
    ({"hook": lambda *_: (2, 0, None)}, "cannot hook: "),
    ({"start": lambda *_: 8}, "Unicorn: Invalid memory fetch"),
    ({"start": lambda *_: 0}, "does not enter user mode"),
])
def test_a_library_that_refuses_is_an_error(monkeypatch, others, complaint):
    real = unicorn_cpu._Engine
    monkeypatch.setattr(unicorn_cpu, "_Engine", lambda handle: Other(real(handle), **others))
    with pytest.raises(CpuError, match=complaint):
        Machine()


def test_a_run_that_the_library_refuses(m):
    m.cpu._start = lambda *_: 8
    with pytest.raises(CpuError, match=f"Unicorn: Invalid memory fetch .* at {CODE:#x}"):
        m.run()
    assert not m.cpu.running


def test_calibration_leaves_no_disorder(monkeypatch):
    def careless(cpu, _):
        cpu.write_register(x86_const.UC_X86_REG_EFLAGS, 0x203)
        return -1

    monkeypatch.setattr(unicorn_cpu, "_exit_requests", [])
    monkeypatch.setattr(unicorn_cpu, "_warn", lambda _: None)
    monkeypatch.setattr(calibration, "find_exit_request", careless)
    with pytest.raises(CpuError, match="left the CPU in disorder"):
        Machine()


def test_what_is_found_out_once_is_found_out_with_blocks(m, monkeypatch):
    known = list(unicorn_cpu._counting)
    monkeypatch.setattr(unicorn_cpu, "_counting", [])
    size = m.frames.nr_pages << 12
    exact = unicorn_cpu.UnicornCpu(m.frames.addr, size, memory=m.frames, by_instruction=True)
    assert unicorn_cpu._counting == known
    exact.q[DI] = 5
    assert exact.read_register(x86_const.UC_X86_REG_RDI) == 5
    exact.close()


def test_an_engine_on_its_own_stops_at_everything(m):
    m.cpu.set_hooks(_NoHooks(m.cpu))
    for text in ("0f05", "0f34", "cd80", "0f0b", "ee"):
        m.code(text + "eb00 48ffc0 48ffc0 0f05")         # port I/O ends a run before the next block
        m.cpu.q[0] = 0
        m.run()
        assert (text, m.cpu.q[0]) == (text, 0)
