"""Every setting changes what a process is made of, when it is started anew.

Generated from the table of settings: a new one without effect fails here. What the effect is, the tests of its part say.
"""

import ast
from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pytest

import mix2api
from mix2api.actors.environment import never
from mix2api.errors import ConfigurationError
from mix2api.process import groups, storing, tracing, upstream
from mix2api.process.gateway_following import new_api_options
from mix2api.sealing import Seal
from mix2api.settings import Settings, load_settings
from mix2api.settings.loading import KNOWN
from mix2api.settings.readers import Choice
from mix2api.settings.setting import Setting, settings_of
from mix2api.upstreams.mix import kind as mix
from mix2api.upstreams.opencode import kind as opencode
from mix2api.upstreams.opencode.context_server import ContextServer
from mix2api.upstreams.opencode.contexts import RunContexts
from mix2api.upstreams.opencode.memory_sessions import MemoryRuntimeSessions
from mix2api.upstreams.surroundings import Surroundings
from mix2api.vocabulary import ProcessId

_SEAL: Final = Seal(b"a secret of the tests, 32 bytes.")
SESSIONS, SURROUNDINGS = MemoryRuntimeSessions(), Surroundings()


def _asked_for(server: ContextServer | None) -> object:
    return None if server is None else (server.token, server.port)


_PARTS: Final[tuple[Callable[[Settings], Any], ...]] = (
    lambda settings: storing.store_options(settings, "serve"),
    lambda settings: groups.actor_options(settings, never),
    mix.MIX.tools_in_text,
    groups.profile_sources,
    groups.trim_options,
    groups.budget_options,
    groups.site_form,
    groups.http_options,
    lambda settings: groups.edge_options(settings, ProcessId("p_test")),
    lambda settings: groups.telemetry_options(settings, ProcessId("p_test")),
    tracing.trace_rule,
    tracing.trace_bounds,
    upstream._base_options,
    upstream._login_options,
    upstream._login_http_options,
    lambda settings: upstream._managed_options(settings, _SEAL),
    mix._options,
    opencode._options,
    opencode._events_options,
    opencode._memory_bounds,
    opencode.launch_of,
    lambda settings: new_api_options(settings.new_api),
    lambda settings: _asked_for(opencode._context_server(settings, RunContexts(SESSIONS, SURROUNDINGS))),
)
"""What a process is made of, from its settings."""
_TEXTS: Final = (
    *("true", "false", "1", "2", "3", "7", "20", "77", "1000", "2048", "65536", "0.5", "0.25"),
    *("other", "x-other", "/other", "https://other.example", "redis://other:6379/1", "/dev/null", "en"),
    *('{"a": "b"}', '{"m": {}}', "other.example", "https://page.example", "9464-9470", "other:other"),
    *("a secret of 32 characters, indeed", "mix/other", "failed,slow", "name=value"),
    "env",
    "lineage",
)
"""Values to try: the first that the setting takes, and that is not its default."""
_SURROUNDINGS: Final[tuple[dict[str, str], ...]] = (
    {"UPSTREAM_API_BASE": "https://site.example"},
    {
        "UPSTREAM_API_BASE": "https://site.example",
        "UPSTREAM_AUTH_MODE": "managed",
        "UPSTREAM_TOKEN_PATH": "/token",
        "UPSTREAM_TOKEN_BODY_JSON": '{"user": "u"}',
    },
    {
        "UPSTREAM_API_BASE": "https://site.example",
        "UPSTREAM_AUTH_MODE": "static",
        "UPSTREAM_BEARER_TOKEN": "t",
    },
    {"UPSTREAM_API_BASE": "https://site.example", "INCLUDE_CONTEXT_IN_QUERY": "true"},
    {"UPSTREAM_API_BASE": "https://site.example", "TOOL_KEEP_ALL": "false"},
    {"UPSTREAM_API_BASE": "https://site.example", "TOOL_MAX_COUNT": "3"},
    {"UPSTREAM_API_BASE": "https://site.example", "BUDGET_HISTORY_SUMMARY_ENABLED": "true"},
    {
        "UPSTREAM_API_BASE": "https://site.example",
        "BUDGET_HISTORY_SUMMARY_ENABLED": "true",
        "MIX2API_BUDGET_SUMMARY": "model",
    },
    {"UPSTREAM_API_BASE": "https://site.example", "UPSTREAM_DYNAMIC_BASE_ENABLED": "true"},
    {"OPENCODE_URL": "http://runtime.example", "OPENCODE_CONTEXT_TOKEN": "a word"},
    {
        "UPSTREAM_API_BASE": "https://site.example",
        "NEWAPI_URL": "https://new-api.example",
        "NEWAPI_TOKEN": "t",
        "NEWAPI_STABLE_CHANNEL": "4",
        "NEWAPI_CANARY_CHANNEL": "5",
    },
    {"REDIS_URL": "redis://here:6379/0", "MIX2API_SECRET": "a secret of the tests, 32 bytes."},
)
"""What stands beside it: some settings act only together with others."""


def _others(setting: Setting) -> Iterator[str]:
    """Values that the setting takes and that are not its default."""
    texts = [str(each) for each in setting.reader.words] if isinstance(setting.reader, Choice) else _TEXTS
    for text in texts:
        try:
            value = setting.reader.read(text)
        except ValueError:
            continue
        if value != setting.default_value:
            yield text


def _made_of(environ: dict[str, str]) -> list[Any] | None:
    """The parts' options; None where these settings do not go together."""
    try:
        settings = load_settings(environ, None)
    except ConfigurationError:
        return None
    made = []
    for part in _PARTS:
        try:
            made.append(part(settings))
        except ConfigurationError:  # this part needs a setting that is not there
            made.append(None)
    return made


@cache
def _before(surroundings: frozenset[tuple[str, str]]) -> list[Any] | None:
    return _made_of(dict(surroundings))


@cache
def _changes_something(name: str) -> bool:
    for surroundings in _SURROUNDINGS:
        before = _before(frozenset((key, value) for key, value in surroundings.items() if key != name))
        for other in _others(KNOWN[name]):
            after = _made_of({**surroundings, name: other})
            if before is not None and after is not None and before != after:
                return True
    return False


def _read_directly() -> set[tuple[str, str]]:
    """(group, field) of every `settings.group.field` in the composition root."""
    root = Path(mix2api.__file__).parent
    found = set()
    for folder in ("process", "cli"):
        for path in (root / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute):
                    words = ast.unparse(node).split(".")
                    found |= {(words[-2], words[-1])} if len(words) > 1 else set()
    return found


_READ: Final = _read_directly()
_FIELDS: Final = {
    setting.name: (group.name, field)
    for group in Settings.__attrs_attrs__
    if isinstance(group.type, type) and hasattr(group.type, "__attrs_attrs__")
    for field, setting in settings_of(group.type).items()
}
"""Name -> (group, field)."""


@pytest.mark.parametrize("name", KNOWN)
def test_a_setting_changes_what_a_process_is_made_of(name: str) -> None:
    assert list(_others(KNOWN[name])), "no other value is known to this test"
    assert _FIELDS[name] in _READ or _changes_something(name)  # the second takes longer


def test_a_setting_without_effect_would_be_found() -> None:
    quickly_found_first = sorted(KNOWN, key=lambda name: _FIELDS[name] in _READ)
    changing = (name for name in quickly_found_first if _changes_something(name))
    enough = len(KNOWN) * 2 // 3 + 1
    assert len(list(islice(changing, enough))) == enough, "so many settings do not need to be in `_READ`"
    assert ("listening", "no_such_field") not in _READ
