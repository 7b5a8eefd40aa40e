"""Sockets: local ones only."""
