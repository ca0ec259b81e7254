"""All of these tests run on a clock that jumps."""

from pathlib import Path

import pytest
from actor_parts import let_time_jump


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks this folder's tests."""
    let_time_jump(items, Path(__file__).parent)
