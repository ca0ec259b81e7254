"""Schemathesis asks the running server what its document allows and what it forbids."""

import os
import sys
from pathlib import Path

import msgspec
import trio
from openapi.kept import kept_document
from redis_server import RedisServer
from whole_system import Shape, whole_system

_ROOT = Path(__file__).parents[2]
_CONFORMANCE = _ROOT / "tests" / "openapi" / "conformance"
_EXAMPLES = "5"
"""Drawn requests of each operation, beside the hundreds of the coverage phase: the whole takes some 30 s."""
_LIMIT_S = 180
_KEY = "sk-of-the-tests"


async def test_the_server_answers_as_its_document_says(redis_server: RedisServer, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_bytes(msgspec.json.encode(kept_document()))
    asking = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(_CONFORMANCE / "schemathesis.toml")),
        *("run", str(document), "--generation-deterministic"),
        *("--max-examples", _EXAMPLES, "--phases", "examples,coverage,fuzzing", "--continue-on-failure"),
        *("--suppress-health-check", "filter_too_much"),
        # A path with an id in it matches the fixed paths beside it, whose answers then name its methods too.
        *("--exclude-checks", "allow_header_conformance"),
        *("--header", f"Authorization: Bearer {_KEY}", "--no-color"),
    ]
    environ = {
        **os.environ,
        "PYTHONPATH": str(_CONFORMANCE),
        "OPENAPI_DOCUMENT": str(document),
    }
    settings = {"INBOUND_BEARER_TOKEN": _KEY, "MIX2API_LOG_LEVEL": "error", "MIX2API_CONVERSATIONS": "true"}
    async with whole_system(Shape.SERVE, redis_server.url, limit_s=_LIMIT_S, **settings) as system:
        ran = await trio.run_process(
            [*asking, "--url", f"http://127.0.0.1:{system.client.port}"],
            env=environ,
            cwd=tmp_path,
            check=False,
            capture_stdout=True,
            capture_stderr=True,
        )
    assert ran.returncode == 0, (ran.stdout + ran.stderr).decode()
