"""Netlink sockets: messages between programs and the kernel (net/netlink/)."""
