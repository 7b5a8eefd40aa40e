"""Kinds of packets, as they are called on a wire (include/linux/if_ether.h)."""

from __future__ import annotations

from typing import Final

__all__ = ("ETH_P_IP", "ETH_P_IPV6")

ETH_P_IP: Final = 0x0800
ETH_P_IPV6: Final = 0x86DD
