"""Modules of the bench for its tests: only such that import none of the others, for `bench` itself is on no path."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

_BENCH = Path(__file__).parent.parent / "bench"


def bench_module(name: str) -> ModuleType:
    """The module of this name, under another that clashes with nothing."""
    spec = importlib.util.spec_from_file_location(f"bench_{name}", _BENCH / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module
