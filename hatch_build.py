"""Wheels: a pure one, and with PROCESSION_WHEEL=compiled one for this Python with what scripts/compile.py has made."""

from __future__ import annotations

import os
from pathlib import Path
import platform
import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TAG = "cp{version}-cp{version}-manylinux_2_17_{machine}.manylinux2014_{machine}"


class CompiledWheel(BuildHookInterface):
    """Puts the compiled build into a wheel if that is asked for."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Raise FileNotFoundError if nothing is compiled for this Python, ValueError on another host than Linux."""
        if self.target_name != "wheel" or os.environ.get("PROCESSION_WHEEL") != "compiled":
            return
        if platform.system() != "Linux":
            raise ValueError("a compiled wheel is one for Linux; elsewhere: pip install ., then make compile")
        abi = str(sysconfig.get_config_var("EXT_SUFFIX")).split(".")[1]
        folder = Path(self.root) / "src" / "procession" / "_compiled" / abi
        if not (folder / "MANIFEST").exists():
            raise FileNotFoundError(f"{folder} is not there: make compile")
        build_data["pure_python"] = False
        python = sysconfig.get_config_var("py_version_nodot")
        build_data["tag"] = TAG.format(version=python, machine=platform.machine())
        build_data["force_include"][str(folder)] = f"procession/_compiled/{abi}"
