"""Wheels: a pure one, and with PROCESSION_WHEEL=compiled one for this Python with what scripts/compile.py has made."""

from __future__ import annotations

import os
from pathlib import Path
import sysconfig
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TAG = "cp{version}-cp{version}-manylinux_2_17_x86_64.manylinux2014_x86_64"


class CompiledWheel(BuildHookInterface):
    """Puts the compiled build into a wheel if that is asked for."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Raise FileNotFoundError if there is nothing compiled for this Python."""
        if self.target_name != "wheel" or os.environ.get("PROCESSION_WHEEL") != "compiled":
            return
        abi = str(sysconfig.get_config_var("EXT_SUFFIX")).split(".")[1]
        folder = Path(self.root) / "src" / "procession" / "_compiled" / abi
        if not (folder / "MANIFEST").exists():
            raise FileNotFoundError(f"{folder} is not there: make compile")
        build_data["pure_python"] = False
        build_data["tag"] = TAG.format(version=sysconfig.get_config_var("py_version_nodot"))
        build_data["force_include"][str(folder)] = f"procession/_compiled/{abi}"
