"""What the tests of TCP's insides share."""

from procession import Machine
from procession.include.linux.inet import IPPROTO_TCP
from procession.include.linux.socket import AF_INET, SOCK_STREAM
from procession.net.ipv4 import af_inet
from procession.net.ipv4.skbuff import TcpSkb
from procession.net.ipv4.sock import TcpSock


def tcp_sock():
    """Return a socket of a kernel that has run."""
    async def main(sys):
        await sys.socket()

    machine = Machine()
    machine.run(main)
    k = machine.kernel
    return TcpSock(k, k.init_net_ns, AF_INET, SOCK_STREAM, IPPROTO_TCP, af_inet.stream_ops())


def segment(seq, data):
    """Return a segment with these bytes from seq on."""
    skb = TcpSkb(b"\x7f\0\0\1", 1, b"\x7f\0\0\1", 2)
    skb.seq, skb.end_seq, skb.data = seq, seq + len(data), data
    return skb
