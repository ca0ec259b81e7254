"""Tests that take minutes: they run only when this folder, or a file of it, is named on the command line.

Each kind has a marker, and a target of the Makefile that runs it.
"""

from pathlib import Path

import pytest

_HERE = Path(__file__).parent
_KINDS = {
    "soak": "the system under load for minutes, and waits that long",
    "damage": "every role with damaged keys in its store",
    "memory": "what a process keeps of finished runs",
}


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    named = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    wanted = any(path.resolve().is_relative_to(_HERE) for path in named)
    return True if collection_path.suffix == ".py" and not wanted else None


def pytest_configure(config: pytest.Config) -> None:
    for kind, says in _KINDS.items():
        config.addinivalue_line("markers", f"{kind}: {says}; takes minutes; `make {kind}` runs it")
