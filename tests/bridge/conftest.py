"""Trials on the real OpenCode: they run only when this folder, or a file of it, is named (`make bridge`)."""

from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    named = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    wanted = any(path.resolve().is_relative_to(_HERE) for path in named)
    return True if collection_path.suffix == ".py" and not wanted else None


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "bridge: on the real OpenCode, for minutes; `make bridge` runs it")
