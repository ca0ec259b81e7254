"""Portkey's AI gateway as a peer: the Node gateway that is called the fastest one.

Installed from npm at a pinned version, in a directory of its own. It speaks OpenAI's dialect to the mock, as LiteLLM does,
and is told by headers where to go. It keeps no record of its runs.

It is asked for whole answers alone: on Node 20 this version answers every stream with 500 (`TypeError: immutable`, where it
adds its headers to undici's).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loads import Dialect
from measure import tree
from processes import DidNotStart, free_port, running
from targets import PORTKEY, WORK, Target

VERSION = "1.15.2"
_HOME = WORK / f"portkey-{VERSION}"
_INSTALL_LIMIT_S = 600
_START_LIMIT_S = 60


def _installed() -> Path:
    """The gateway's program, installed if it is not there yet."""
    program = _HOME / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    if program.exists():
        return program
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise DidNotStart("portkey needs node and npm")
    print(f"installing portkey {VERSION} (once)", file=sys.stderr)
    options = ("--prefix", str(_HOME), "--no-audit", "--no-fund", "--omit=dev")
    step = [npm, "install", *options, f"@portkey-ai/gateway@{VERSION}"]
    try:
        subprocess.run(step, check=True, timeout=_INSTALL_LIMIT_S, capture_output=True, text=True)
    except subprocess.CalledProcessError as error:
        raise DidNotStart(f"portkey could not be installed: {error.stderr[-500:]}") from error
    except subprocess.TimeoutExpired as error:
        raise DidNotStart(f"portkey could not be installed in {_INSTALL_LIMIT_S} s") from error
    return program


@contextmanager
def portkey(mock_port: int, work: Path) -> Iterator[Target]:
    """Runs Portkey's gateway over the mock, without its console."""
    port = free_port()
    command = ["node", str(_installed()), f"--port={port}", "--headless"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env = kept | {"NODE_ENV": "production"}
    with running(command, work / "portkey.log", port=port, env=env, limit_s=_START_LIMIT_S) as process:
        yield Target(
            name=PORTKEY,
            port=port,
            dialect=Dialect.CHAT,
            streams=False,
            pids=lambda: tree(process.pid),
            headers=(
                f"x-portkey-provider: openai\r\nx-portkey-custom-host: http://127.0.0.1:{mock_port}/v1\r\n"
            ),
        )
