"""Trace events."""
