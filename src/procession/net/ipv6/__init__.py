"""The internet protocols over IPv6."""
