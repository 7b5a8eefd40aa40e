"""The headers: data, flags, protocols."""
