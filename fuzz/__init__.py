"""Machines that think of what nobody thought of: random programs, hostile guests, faults on purpose, repeated runs."""
