"""Tests in a real browser: they need Playwright and a Chromium, and run only when this folder is named (`make console-browser`)."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

_HERE = Path(__file__).parent
SHOTS = Path(os.environ.get("CONSOLE_SHOTS", "console-shots"))
"""Where screenshots are kept, for people to look at."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    named = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    wanted = any(path.resolve().is_relative_to(_HERE) for path in named)
    return True if collection_path.suffix == ".py" and not wanted else None


@pytest.fixture(scope="session")
def showing() -> Iterator[tuple[str, str, str]]:
    """Address, token and API key of a console over a system under load."""
    command = [sys.executable, "-m", "browser.showing", "--quick", "--port", "0"]
    environ = {**os.environ, "PYTHONPATH": str(_HERE.parent)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        try:
            address, token, key = process.stdout.readline().split()
            yield address, token, key
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def console(showing: tuple[str, str, str]) -> tuple[str, str]:
    """The console's address, and the token of an operator."""
    return showing[0], showing[1]


@pytest.fixture(scope="session")
def talking(showing: tuple[str, str, str]) -> tuple[str, str]:
    """The console's address, and the API key of a user."""
    return showing[0], showing[2]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser: the system's, else Playwright's own."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - an extra, which only this folder needs

    found = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


class Reader:
    """Somebody in front of a browser, signed in. What the browser complains of, and whom it asks, is kept."""

    def __init__(self, chromium: Any, console: tuple[str, str], **context: Any) -> None:
        self.address, token = console
        self.context = chromium.new_context(**{"viewport": {"width": 1200, "height": 900}, **context})
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        self.page.on(
            "request", lambda request: self.hosts.add(re.sub(r"^(https?://[^/]*).*", r"\1", request.url))
        )
        self.page.on("pageerror", lambda fault: self.complaints.append(str(fault)))
        self.page.on("console", self._heard)
        self.page.goto(self.address)
        self.page.fill("#token", token)
        self.page.press("#token", "Enter")
        self.page.wait_for_selector("nav [aria-current=page]")

    def goto(self, path: str) -> None:
        self.page.goto(self.address + path)

    def shoot(self, name: str) -> None:
        """Keeps a picture of the whole page."""
        SHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def _heard(self, message: Any) -> None:
        # The first page is the sign-in's, whose status is 401. A form that is not taken is answered with 400 or 409.
        if message.type == "error" and re.search(r"status of (401|400|409)", message.text) is None:
            self.complaints.append(message.text)


@pytest.fixture
def reader(chromium: Any, console: tuple[str, str]) -> Iterator[Reader]:
    reader = Reader(chromium, console)
    yield reader
    reader.context.close()
    assert reader.complaints == []
    assert reader.hosts == {reader.address}
