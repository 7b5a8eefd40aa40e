"""Directories of the host inside (fs/hostfs)."""
