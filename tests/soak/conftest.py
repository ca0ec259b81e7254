"""What needs minutes: `make soak` runs it, `make test` does not."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "soak: needs minutes; run by `make soak`")
