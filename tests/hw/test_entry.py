"""System calls and exceptions as machine code sees them."""

import os
import signal
import threading

from elf import EXIT, EXIT_AX, elf, run
import pytest

from procession.arch.x86 import entry, interrupt, syscall_table
from procession.boot import Kernel
from procession.include.linux.signal import SIGFPE, SIGILL, SIGSEGV, SIGTRAP
from procession.include.linux.syscalls import SYSCALLS


def killed_by(text, **options):
    return run(text, **options).status & 0x7F


def test_exit_code():
    assert run("bf2a000000" + EXIT).exit_code == 42


def test_table_is_complete():
    names = syscall_table.SYSCALL_NAMES
    assert len(names) == len(set(names.values())) == 312
    some = {
        0: "read", 15: "rt_sigreturn", 59: "execve", 110: "getppid", 158: "arch_prctl", 205: "set_thread_area",
        231: "exit_group", 247: "waitid", 272: "unshare", 302: "prlimit64", 311: "process_vm_writev",
    }
    assert {nr: names[nr] for nr in some} == some
    assert set(names.values()) > syscall_table.NI_SYSCALLS
    assert [param.name for param in SYSCALLS[names[158]].params] == ["code", "addr"]


@pytest.mark.parametrize(("nr", "name"), [(312, "kcmp"), (334, "rseq"), (174, "create_module")])
def test_later_and_removed_calls_are_enosys(nr, name):
    result = run(f"b8{nr.to_bytes(4, 'little').hex()} 0f05 f7d8" + EXIT_AX)
    assert result.exit_code == 38
    assert result.kernel.enosys == {name: 1}
    assert not result.kernel.unsupported


def test_all_64_bits_of_the_number_count():
    # mov rax, 0x10000003c; syscall: this is not exit.
    assert run("48b83c00000001000000 0f05 f7d8" + EXIT_AX).exit_code == 38


def test_a_call_that_only_this_kernel_lacks_is_counted_apart():
    result = run("b8b3000000 0f05 f7d8" + EXIT_AX)       # quotactl
    assert result.exit_code == 38
    assert result.kernel.unsupported == {"quotactl": 1}
    assert not result.kernel.enosys


def test_rcx_and_r11_after_a_call():
    # mov eax,39; stc; syscall; x: lea rdx,[rip + x]; cmp rcx,rdx; sete dil; and r11d,1; lea edi,[rdi+r11*2]
    code = "31ff b827000000 f9 0f05 488d15f9ffffff 4839d1 400f94c7 4183e301 428d3c5f"
    assert run(code + EXIT).exit_code == 3


def test_other_registers_and_carry_survive_a_call():
    # mov ebx,5; mov edx,6; mov r15d,7; mov eax,39; stc; syscall; mov edi,0; adc edi,ebx; add edi,edx; add edi,r15d
    code = "bb05000000 ba06000000 41bf07000000 b827000000 f9 0f05 bf00000000 11df 01d7 4401ff"
    assert run(code + EXIT).exit_code == 19


@pytest.mark.parametrize(("code", "sig"), [
    ("0f0b", SIGILL), ("f4", SIGSEGV), ("31d2 31c9 f7f1", SIGFPE), ("cc", SIGTRAP),
    ("cd81", SIGSEGV), ("e480", SIGSEGV), ("ee 0f05 90", SIGSEGV), ("31c0 ffe0", SIGSEGV),
    ("8b042500000000", SIGSEGV), ("48b80000000000000080 8b00", SIGSEGV),
    ("48b8000060ffffffffff 31e4 ffe0", SIGSEGV), ("48b8000c60ffffffffff ffd0", SIGTRAP),
], ids=[
    "ud2", "hlt", "div", "int3", "int 0x81", "in", "out", "jump to 0", "null", "noncanonical", "bad vsyscall return",
    "no such vsyscall",
])
def test_exceptions_kill(code, sig):
    assert killed_by(code) == sig


def test_vsyscall_time():
    # mov rax, time; xor edi,edi; call rax; shr rax, 24
    assert run("48b8000460ffffffffff 31ff ffd0 48c1e818" + EXIT_AX).exit_code == 1_325_721_600 >> 24 & 0xFF


@pytest.mark.parametrize(("code", "status"), [
    ("4889e0 482d00000100 c60001", 0),              # store at sp - 65536: ENTER may do that
    ("4889e0 482d00001000 c60001", SIGSEGV),    # at sp - 1 MiB, below what exec has set up
    ("4881ec00001000 c6042401", 0),                 # sub rsp, 1 MiB
    ("4881ec00008000 c6042401", SIGSEGV),       # beyond RLIMIT_STACK
])
def test_stack_growth(code, status):
    assert run(code + "31ff" + EXIT).status == status


def test_rdtsc_is_virtual_time():
    code = "0f31 89c3 0f31 29d8" + EXIT_AX
    codes = {run(code).exit_code for _ in range(3)}
    assert len(codes) == 1
    assert codes != {0}


def test_int1():
    """The trap is behind it; some hosts, themselves machines inside others, say that it is before it."""
    assert run("f1" + EXIT).status & 0x7F == SIGTRAP


def test_rdtscp_and_its_length():
    assert run("0f01f9 89cf" + EXIT).exit_code == 0


@pytest.mark.parametrize("timer", [False, True])
def test_self_modifying_code(timer):
    """With a timer pending the counting engine runs it, else the free one."""
    alarm = "bf01000000 b825000000 0f05" if timer else ""
    # loop: inc byte [the 0 below]; dec ecx; mov eax, 0; jnz loop
    code = alarm + "b9c8000000" + "fe0503000000 ffc9 b800000000 75f1"
    assert run(code + EXIT_AX, flags=7).exit_code == 200


# mmap of a gigabyte that is only read; mov rdi, rax; mov al, 7; or rcx, -1; repne scasb
LONG_SCAN = (
    "31ff be00000040 ba01000000 41ba22400000 49c7c0ffffffff 4531c9 b809000000 0f05 4889c7 b007 4883c9ff f2ae"
)


@pytest.mark.parametrize("code", ["ebfe", LONG_SCAN, "bfe8030000 b825000000 0f05" + LONG_SCAN])
def test_endless_loop_and_ctrl_c(code):
    """Also within one instruction, and when the counting engine runs it because a timer is pending."""
    machine = Kernel(root={"/t": elf(code)}, memory=64 << 20)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    with interrupt.install_interrupt(machine.kernel):
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            machine.run(["/t"])
    timer.join()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_machine_shutdown():
    result = run("31ff" + EXIT)
    entry.machine_shutdown(result.kernel)
    assert result.kernel.x86.vcpus == []
