"""Logging is the process's own: every test here leaves it as it was."""

from collections.abc import Iterator

import pytest
from kept_logging import kept_logging


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    with kept_logging():
        yield
