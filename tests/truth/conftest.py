"""The truth test takes minutes: it runs only when this folder, or a file of it, is named on the command line (`make truth`)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis_server import RedisServer

_HERE = Path(__file__).parent
_FIGURES = pytest.StashKey[list[str]]()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    named = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    wanted = any(path.resolve().is_relative_to(_HERE) for path in named)
    return True if collection_path.suffix == ".py" and not wanted else None


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = []
    config.addinivalue_line("markers", "truth: kills, pauses and store faults at scale; `make truth` runs it")
    config.addinivalue_line(
        "markers", "chaos: these and faults of all links for minutes; `make chaos` runs it"
    )
    config.addinivalue_line("markers", "takeover: how soon shards are taken over; `make takeover` runs it")
    config.addinivalue_line("markers", "held: 2,000 streams through two processes; `make held` runs it")
    config.addinivalue_line("markers", "shares: callers at four full processes; `make shares` runs it")
    config.addinivalue_line(
        "markers", "sdk: the openai SDK under these and a store that comes back empty; `make sdk` runs it"
    )
    config.addinivalue_line("markers", "crashes: kill -9 at every point; `make crashes` runs it")
    config.addinivalue_line(
        "markers", "conversations: plans whose workers are killed; `make conversations` runs it"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[_FIGURES]:
        terminalreporter.write_line(line)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines that are shown at the end of the run, behind what the processes say."""
    return request.config.stash[_FIGURES]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that has on disk whatever it confirmed."""
    server = RedisServer(tmp_path, arguments=("--appendonly", "yes", "--appendfsync", "always"))
    server.start()
    yield server
    server.stop()
