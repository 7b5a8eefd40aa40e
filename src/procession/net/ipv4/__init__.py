"""The internet protocols over IPv4, and TCP and UDP for both families."""
