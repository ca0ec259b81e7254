"""LiteLLM's proxy as a peer: the adapter most people would reach for.

Installed in a virtualenv of its own at a pinned version. One worker, no database, no access log, no call-outs; it
speaks OpenAI's dialect to the mock, so it need not translate as the product does.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from loads import MODEL, Dialect
from measure import tree
from peers.venv import command_in_venv
from processes import free_port, running
from targets import LITELLM, Target

VERSION = "1.106.2"
# Importing it takes ten seconds and more.
_START_LIMIT_S = 120

_CONFIG = """\
model_list:
  - model_name: {model}
    litellm_params:
      model: openai/bench
      api_base: http://127.0.0.1:{mock}/v1
      api_key: bench
litellm_settings:
  telemetry: false
  num_retries: 0
  request_timeout: 300
  set_verbose: false
router_settings:
  num_retries: 0
  disable_cooldowns: true
general_settings:
  disable_spend_logs: true
  disable_error_logs: true
  master_key: {key}
"""


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        # Its price list comes with the package; without this it is fetched at every start.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        # Its defaults, 1,000 and 500 a host, end the measure of 2,000 held streams at 500.
        "AIOHTTP_CONNECTOR_LIMIT": "4096",
        "AIOHTTP_CONNECTOR_LIMIT_PER_HOST": "4096",
        "DISABLE_SCHEMA_UPDATE": "true",
        "NO_DOCS": "True",
        "DO_NOT_TRACK": "1",
    }


@contextmanager
def litellm(mock_port: int, work: Path) -> Iterator[Target]:
    """Runs LiteLLM's proxy over the mock."""
    binary = command_in_venv("litellm", VERSION, f"litellm[proxy]=={VERSION}")
    port = free_port()
    # It refuses to start without a key, so it checks one; that is a comparison of strings, without a database.
    key = f"sk-{secrets.token_hex(32)}"
    config = work / "litellm.yaml"
    config.touch(mode=0o600)
    config.write_text(_CONFIG.format(model=MODEL, mock=mock_port, key=key))
    options = ["--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    command = [str(binary), *options, "--telemetry", "False"]
    log = work / "litellm.log"
    with running(command, log, port=port, env=_environment(), limit_s=_START_LIMIT_S) as process:
        yield Target(name=LITELLM, port=port, dialect=Dialect.CHAT, pids=lambda: tree(process.pid), key=key)
