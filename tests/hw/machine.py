"""A machine without a kernel: frames, page tables made by hand, one engine, hooks that note what happens."""

from procession.hw.clock import NEVER
from procession.hw.cpu import X86_TRAP_PF
from procession.hw.memory import Frames
from procession.hw.unicorn_cpu import CpuRegisters, UnicornCpu, user_template

CODE = 0x400000
DATA = 0x401000
CODE_FRAME, DATA_FRAME = 16, 17
P, RW, US, A, D, NX = 1, 2, 4, 0x20, 0x40, 1 << 63
TEXT = P | US | A
PLAIN = P | US | A | NX
AX, CX, DX, BX, SP, BP, SI, DI = range(8)


class Machine:
    """One address space of 2 MiB at CODE, over 16 MiB of memory; code and data are mapped."""

    def __init__(self, size=16 << 20, *, frames=None):
        self.frames = frames or Frames(size)
        self.pgd = 1 << 12
        q = self.frames.q
        q[1 << 9] = 2 << 12 | 0x67
        q[2 << 9] = 3 << 12 | 0x67
        q[(3 << 9) + 2] = 4 << 12 | 0x67
        self.map(CODE, CODE_FRAME, TEXT)
        self.events = []
        self.on_fault = None
        self.syscalls_left = 0
        self.cpu = self.engine()
        self.use(self.cpu)

    def engine(self):
        return UnicornCpu(self.frames.addr, self.frames.nr_pages << 12, memory=self.frames)

    def use(self, cpu):
        """Make cpu the engine that run() runs."""
        self.cpu = cpu
        cpu.set_hooks(self)
        cpu.set_page_table(self.pgd)
        self.ip = cpu.layout.rip_q

    @staticmethod
    def task():
        return CpuRegisters(user_template())

    def map(self, address, frame, bits):
        self.frames.q[(4 << 9) + (address >> 12 & 511)] = frame << 12 | bits if bits else 0

    def code(self, text, at=0):
        data = bytes.fromhex(text)
        start = (CODE_FRAME << 12) + at
        self.frames.phys[start:start + len(data)] = data
        self.cpu.drop_code([CODE_FRAME])
        self.cpu.set_page_table(self.pgd)

    def run(self, ip=CODE, ns=NEVER):
        """Run from ip until a hook stops it or ns have passed; returns what the hooks noted."""
        self.events.clear()
        self.cpu.q[self.ip] = ip
        self.cpu.arm(ns)
        self.cpu.run()
        return self.events

    # hw.cpu.Hooks

    def syscall(self):
        self.events.append(("syscall", self.cpu.q[AX]))
        if self.syscalls_left:
            self.syscalls_left -= 1
        else:
            self.cpu.stop()

    def sysenter(self):
        self.events.append(("sysenter", self.cpu.q[AX]))
        self.cpu.stop()

    def interrupt(self, engine, vector):
        cpu = self.cpu
        cpu.d[cpu.layout.old_exception_d] = 0xFFFFFFFF
        fault = (cpu.q[cpu.layout.cr2_q], cpu.d[cpu.layout.error_code_d]) if vector == X86_TRAP_PF else ()
        self.events.append((vector, cpu.q[self.ip], *fault))
        if self.on_fault is None or not self.on_fault(vector):
            cpu.stop()

    def port_io(self):
        self.events.append(("port", self.cpu.q[self.ip]))
        self.cpu.stop()
