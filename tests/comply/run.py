"""Runs llm-comply against a demo of our own, and judges its report: `run.py <llm-comply>`. Exits with 1 if anything is wrong."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TRIALS = (
    ("openai-chat", "mix/qwen-3-235b-instruct", {"chat-reasoning-summary"}),
    ("openai-chat", "deepseek-r1", set[str]()),
    ("open-responses", "gpt-5-demo", set[str]()),
)
"""Format, model, and the tests that the tool skips: by its name it takes a model for one that does not reason."""
_URL = re.compile(r"http://127\.0\.0\.1:\d+/v1")


@contextmanager
def demo() -> Iterator[str]:
    """A demo on a free port; gives its base URL."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(Path(sys.executable).with_name("mix2api")), "demo"]
        environment = {**os.environ, "PORT": "0", "MIX2API_DATA_DIR": folder, "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                yield _base_url(process)
            finally:
                process.terminate()


def _base_url(process: "subprocess.Popen[str]") -> str:
    url = ""
    for line in process.stdout or ():
        found = _URL.search(line)
        url = found[0] if found is not None else url
        if url and line.startswith("  -d"):  # the last line of what it says
            return url
    raise SystemExit("the demo did not start")


def report_of(tool: str, url: str, form: str, model: str) -> dict[str, Any]:
    """What the tool found."""
    asked = [tool, "--format", form, "-u", url, "-k", "demo-key", "-m", model, "--json"]
    told = subprocess.run(asked, check=False, capture_output=True, text=True)
    report: dict[str, Any] = json.loads(told.stdout)
    return report


def wrong_in(report: dict[str, Any], skipped: set[str]) -> list[str]:
    """Tests that did not pass, or passed with a warning, or were skipped without being known for it."""
    wrong = []
    for test in report["results"]:
        told = (
            f"{test['id']}: {test['status']} {test.get('errors') or ''} {test.get('warnings') or ''}".strip()
        )
        is_skipped = test["status"] == "skipped" and test["id"] in skipped
        if not is_skipped and (test["status"] != "passed" or test.get("warnings")):
            wrong.append(told)
    return wrong


def main() -> int:
    """All trials, one after another."""
    failures = 0
    with demo() as url:
        for form, model, skipped in TRIALS:
            report = report_of(sys.argv[1], url, form, model)
            wrong = wrong_in(report, skipped)
            failures += len(wrong)
            print(  # noqa: T201 - its report
                f"{form} {model}: {len(report['results']) - len(wrong)} of {len(report['results'])}",
                *wrong,
                sep="\n  ",
            )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
