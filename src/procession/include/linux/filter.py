"""Classic BPF (include/linux/filter.h; include/uapi/linux/bpf_common.h of 6.18)."""

from __future__ import annotations

import struct
from typing import Final

BPF_MAXINSNS: Final = 4096
BPF_MEMWORDS: Final = 16

# struct sock_filter: code, jt, jf, k.
SOCK_FILTER: Final = struct.Struct("<HBBI")
# struct sock_fprog: how many, where.
SOCK_FPROG: Final = struct.Struct("<H6xQ")

# Classes of instructions.
BPF_CLASS_MASK: Final = 0x07
BPF_LD: Final = 0x00
BPF_LDX: Final = 0x01
BPF_ST: Final = 0x02
BPF_STX: Final = 0x03
BPF_ALU: Final = 0x04
BPF_JMP: Final = 0x05
BPF_RET: Final = 0x06
BPF_MISC: Final = 0x07

# Of how many bits a load is.
BPF_SIZE_MASK: Final = 0x18
BPF_W: Final = 0x00
BPF_H: Final = 0x08
BPF_B: Final = 0x10

# Where loads come from.
BPF_MODE_MASK: Final = 0xE0
BPF_IMM: Final = 0x00
BPF_ABS: Final = 0x20
BPF_IND: Final = 0x40
BPF_MEM: Final = 0x60
BPF_LEN: Final = 0x80
BPF_MSH: Final = 0xA0
BPF_S_ANC_SECCOMP_LD_W: Final = 0xE0  # the kernel's own: a word of seccomp_data

# Operations.
BPF_ADD: Final = 0x00
BPF_SUB: Final = 0x10
BPF_MUL: Final = 0x20
BPF_DIV: Final = 0x30
BPF_OR: Final = 0x40
BPF_AND: Final = 0x50
BPF_LSH: Final = 0x60
BPF_RSH: Final = 0x70
BPF_NEG: Final = 0x80
BPF_XOR: Final = 0xA0
BPF_OP_MASK: Final = 0xF0

# Jumps.
BPF_JA: Final = 0x00
BPF_JEQ: Final = 0x10
BPF_JGT: Final = 0x20
BPF_JGE: Final = 0x30
BPF_JSET: Final = 0x40

# The second operand, and of a return what it returns.
BPF_K: Final = 0x00
BPF_X: Final = 0x08
BPF_A: Final = 0x10

BPF_TAX: Final = 0x00
BPF_TXA: Final = 0x80
