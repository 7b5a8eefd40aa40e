"""The bits of struct termios (asm-generic/termbits.h, termios.h)."""

from __future__ import annotations

__all__ = ("DISABLED_CHAR", "INIT_C_CC", "NCCS", "Cflag", "Iflag", "Lflag", "Oflag", "Pkt", "V")

NCCS = 19
DISABLED_CHAR = 0

# ^C ^\ DEL ^U ^D, VTIME 0, VMIN 1, -, ^Q ^S ^Z, -, ^R ^O ^W ^V, -
INIT_C_CC = b"\x03\x1c\x7f\x15\x04\x00\x01\x00\x11\x13\x1a\x00\x12\x0f\x17\x16\x00\x00\x00"


class V:
    """Places in c_cc."""

    INTR = 0
    QUIT = 1
    ERASE = 2
    KILL = 3
    EOF = 4
    TIME = 5
    MIN = 6
    SWTC = 7
    START = 8
    STOP = 9
    SUSP = 10
    EOL = 11
    REPRINT = 12
    DISCARD = 13
    WERASE = 14
    LNEXT = 15
    EOL2 = 16


class Iflag:
    """c_iflag."""

    IGNBRK = 0o1
    BRKINT = 0o2
    IGNPAR = 0o4
    PARMRK = 0o10
    INPCK = 0o20
    ISTRIP = 0o40
    INLCR = 0o100
    IGNCR = 0o200
    ICRNL = 0o400
    IUCLC = 0o1000
    IXON = 0o2000
    IXANY = 0o4000
    IXOFF = 0o10000
    IMAXBEL = 0o20000
    IUTF8 = 0o40000


class Oflag:
    """c_oflag."""

    OPOST = 0o1
    OLCUC = 0o2
    ONLCR = 0o4
    OCRNL = 0o10
    ONOCR = 0o20
    ONLRET = 0o40
    TABDLY = 0o14000
    XTABS = 0o14000


class Cflag:
    """c_cflag."""

    CBAUD = 0o10017
    B38400 = 0o17
    CSIZE = 0o60
    CS8 = 0o60
    CREAD = 0o200
    PARENB = 0o400
    HUPCL = 0o2000
    CLOCAL = 0o4000
    BOTHER = 0o10000
    CBAUDEX = 0o10000
    CIBAUD = 0o2003600000
    IBSHIFT = 16


class Lflag:
    """c_lflag."""

    ISIG = 0o1
    ICANON = 0o2
    ECHO = 0o10
    ECHOE = 0o20
    ECHOK = 0o40
    ECHONL = 0o100
    NOFLSH = 0o200
    TOSTOP = 0o400
    ECHOCTL = 0o1000
    ECHOPRT = 0o2000
    ECHOKE = 0o4000
    IEXTEN = 0o100000
    EXTPROC = 0o200000


class Pkt:
    """What the first byte of a read in packet mode tells (TIOCPKT)."""

    DATA = 0
    FLUSHREAD = 1
    FLUSHWRITE = 2
    STOP = 4
    START = 8
    NOSTOP = 16
    DOSTOP = 32
    IOCTL = 64
