"""The local address family."""
