"""Peers from PyPI: each in a virtualenv of its own, at a pinned version."""

import subprocess
import sys
from pathlib import Path

from processes import DidNotStart
from targets import WORK

_INSTALL_LIMIT_S = 600


def command_in_venv(name: str, version: str, requirement: str) -> Path:
    """A peer's command, installed if it is not there yet.

    Args:
        name: of the command, and of its virtualenv.
        version: of the virtualenv.
        requirement: for pip, pinned.

    Raises:
        DidNotStart: it could not be installed.
    """
    venv = WORK / f"{name}-{version}"
    command = venv / "bin" / name
    if command.exists():
        return command
    print(f"installing {name} {version} (once)", file=sys.stderr)
    steps = (
        [sys.executable, "-m", "venv", str(venv)],
        [str(venv / "bin" / "pip"), "install", "--quiet", "--no-input", requirement],
    )
    for step in steps:
        try:
            subprocess.run(step, check=True, timeout=_INSTALL_LIMIT_S, capture_output=True, text=True)
        except subprocess.CalledProcessError as error:
            raise DidNotStart(f"{name} could not be installed: {error.stderr[-500:]}") from error
        except subprocess.TimeoutExpired as error:
            raise DidNotStart(f"{name} could not be installed in {_INSTALL_LIMIT_S} s") from error
    return command
