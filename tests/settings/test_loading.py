"""Environment and `.env` to settings: what takes effect, what is refused, what is warned of."""

from pathlib import Path

import attrs
import pytest

from mix2api.errors import ConfigurationError
from mix2api.settings import (
    InboundAuthMode,
    LogFormat,
    LogLevel,
    SessionKeyMode,
    SessionReuse,
    Settings,
    Source,
    StoreMode,
    SummaryKind,
    TokenizerKind,
    ToolInstructionMode,
    UpstreamAuthMode,
    load_settings,
)
from mix2api.settings.choices import (
    BindingScope,
    Busy,
    Permissions,
    TokenMethod,
    TraceMode,
    UpstreamKind,
    UpstreamStream,
)
from mix2api.settings.former import FORMER
from mix2api.settings.groups import GROUPS
from mix2api.settings.loading import KNOWN
from mix2api.settings.setting import settings_of
from mix2api.vocabulary import Channel

SECRET = "0123456789abcdef"
CLOSED = {"INBOUND_BEARER_TOKEN": "t"}
"""So that the warning about the open door does not stand in every expectation."""

ALLOWED = ("a.example", "*.b.example:8443")

EFFECTS: list[tuple[str, str, str, object]] = [
    ("MIX2API_HOST", "0.0.0.0", "listening.host", "0.0.0.0"),  # noqa: S104 - a value, nothing listens
    ("PORT", "8080", "listening.port", 8080),
    ("MODEL_LIST", "a, b,,a", "listening.models", ("a", "b")),
    ("MODEL_LIST", "a\n b\n\nc", "listening.models", ("a", "b", "c")),
    ("MODEL_LIST", '["a", "b"]', "listening.models", ("a", "b")),
    ("BODY_SIZE_LIMIT", "512kb", "listening.body_limit", 524_288),
    ("MIX2API_CORS_ORIGINS", "https://A.example/", "listening.cors_origins", ("https://a.example",)),
    ("MIX2API_MAX_CONNECTIONS", "3", "listening.max_connections", 3),
    ("MIX2API_EARLY_HEADERS_MS", "0", "listening.early_headers_ms", 0),
    ("MIX2API_KEEPALIVE_S", "5", "listening.keepalive_s", 5),
    ("MIX2API_CLIENT_STALL_S", "5", "listening.client_stall_s", 5),
    ("EXPOSE_STACK", "true", "listening.expose_stack", True),
    ("INBOUND_AUTH_MODE", "none", "inbound_auth.mode", InboundAuthMode.NONE),
    ("INBOUND_BEARER_TOKEN", "t0ken", "inbound_auth.bearer_token", "t0ken"),
    ("INBOUND_KEYS_FILE", "/etc/keys.toml", "inbound_auth.keys_file", Path("/etc/keys.toml")),
    ("SESSION_KEY_MODE", "auth", "isolation.key_mode", SessionKeyMode.AUTH),
    ("SESSION_KEY_HEADER", "X-Team", "isolation.key_header", "x-team"),
    ("MIX2API_UPSTREAM", "opencode", "site.kind", UpstreamKind.OPENCODE),
    ("UPSTREAM_API_BASE", "https://site.example/api/", "site.api_base", "https://site.example/api"),
    ("UPSTREAM_CHAT_PATH", "/v3/chats", "mix.chat_path", "/v3/chats"),
    ("UPSTREAM_CHAT_PATH", "v3/chats", "mix.chat_path", "/v3/chats"),
    ("UPSTREAM_RETRY_COUNT", "20", "network.retry_count", 20),
    ("FORCE_TOOL_CALL", "yes", "tools.force_call", True),
    ("SESSION_KEY_MODE", "auth_model", "isolation.key_mode", SessionKeyMode.AUTH_MODEL),
    ("UPSTREAM_TOKEN_BODY_JSON", '"{\\"user\\": 1}"', "upstream_auth.token_body", {"user": 1}),
    ("UPSTREAM_TOKEN_BODY_JSON", '"a word"', "upstream_auth.token_body", "a word"),
    ("UPSTREAM_AGENT_SLUG", "coder", "mix.agent_slug", "coder"),
    ("MIX2API_UPSTREAM_LOCALE_JSON", '{"language": "en"}', "mix.locale", {"language": "en"}),
    ("MIX2API_UPSTREAM_MODES_JSON", "{}", "mix.modes", {}),
    ("MIX2API_UPSTREAM_PERSONALIZED", "off", "mix.personalized", False),
    ("DEFAULT_PERSONA_ID", "p1", "mix.persona_id", "p1"),
    ("UPSTREAM_REFERER", "https://site.example/", "mix.referer", "https://site.example/"),
    ("UPSTREAM_ACCEPT_LANGUAGE", "en", "mix.accept_language", "en"),
    ("MIX2API_UPSTREAM_STREAM", "as_asked", "mix.stream", UpstreamStream.AS_ASKED),
    ("MIX2API_UPSTREAM_STREAM_TOOLS", "no", "mix.stream_tools", False),
    ("SEND_UPSTREAM_TOOLS", "yes", "mix.send_tools", True),
    ("INCLUDE_CONTEXT_IN_QUERY", "1", "mix.context_in_query", True),
    ("QUERY_MAX_CHARS", "100", "mix.query_max_chars", 100),
    ("OPENCODE_URL", "http://runtime.example/", "opencode.url", "http://runtime.example"),
    ("OPENCODE_COMMAND", r"opencode serve a\ b", "opencode.command", ("opencode", "serve", "a b")),
    ("OPENCODE_SERVER_PASSWORD", "a word", "opencode.password", "a word"),
    ("OPENCODE_DIRECTORY", "/work", "opencode.directory", "/work"),
    ("OPENCODE_MODEL", "provider/model", "opencode.model", "provider/model"),
    ("OPENCODE_AGENT", "build", "opencode.agent", "build"),
    ("OPENCODE_PROFILES_JSON", '{"m": {"agent": "plan"}}', "opencode.profiles", {"m": {"agent": "plan"}}),
    ("OPENCODE_PERMISSIONS", "allow", "opencode.permissions", Permissions.ALLOW),
    ("OPENCODE_SHOW_TOOLS", "true", "opencode.shows_tools", True),
    ("OPENCODE_CONTEXT_TOKEN", "a word", "opencode.context_token", "a word"),
    ("OPENCODE_CONTEXT_PORT", "0", "opencode.context_port", 0),
    ("OPENCODE_CALL_TIMEOUT_MS", "100", "opencode.call_timeout_ms", 100),
    ("OPENCODE_RELEASE_TIMEOUT_MS", "100", "opencode.release_timeout_ms", 100),
    ("FORCE_TOOL_CALL", "1", "tools.force_call", True),
    ("TOOL_KEEP_ALL", "false", "tools.keep_all", False),
    ("TOOL_MAX_COUNT", "3", "tools.max_count", 3),
    ("TOOL_DESC_MAX_CHARS", "9", "tools.description_max_chars", 9),
    ("SYSTEM_PROMPT_MAX_CHARS", "9", "tools.system_prompt_max_chars", 9),
    ("TOOL_INSTRUCTION_MODE", "none", "tools.instruction", ToolInstructionMode.NONE),
    ("TOOL_RESULT_MAX_CHARS", "9", "tools.result_max_chars", 9),
    ("MIX2API_BUDGET", "false", "budget.enabled", False),
    ("MODEL_PROFILE_JSON", '{"m": {}}', "budget.profiles", {"m": {}}),
    ("MIX2API_MODEL_PROFILES_FILE", "models.toml", "budget.profiles_file", Path("models.toml")),
    ("MODEL_PROFILE_DEFAULT_CONTEXT_WINDOW", "9", "budget.context_window", 9),
    ("MODEL_PROFILE_DEFAULT_MAX_INPUT_TOKENS", "9", "budget.max_input_tokens", 9),
    ("MODEL_PROFILE_DEFAULT_MAX_NEW_TOKENS", "9", "budget.max_new_tokens", 9),
    ("MODEL_PROFILE_FALLBACK_WARN_CACHE_SIZE", "0", "budget.warned_models", 0),
    ("MIX2API_TOKENIZER", "estimate", "budget.tokenizer", TokenizerKind.ESTIMATE),
    ("TOKEN_BUDGET_DEFAULT_RESERVED_OUTPUT_TOKENS", "9", "budget.reserved_output", 9),
    ("MIX2API_LENIENT_LIMITS", "true", "budget.lenient_limits", True),
    ("BUDGET_TRIM_RECENT_MESSAGES", "0", "budget.recent_messages", 0),
    ("BUDGET_TRIM_MESSAGE_MAX_CHARS", "9", "budget.message_max_chars", 9),
    ("MIX2API_BUDGET_HEADROOM", "0.9", "budget.headroom", 0.9),
    ("BUDGET_HISTORY_SUMMARY_ENABLED", "on", "budget.summary_enabled", True),
    ("MIX2API_BUDGET_SUMMARY", "model", "budget.summary", SummaryKind.MODEL),
    ("MIX2API_BUDGET_SUMMARY_TIMEOUT_MS", "9", "budget.summary_timeout_ms", 9),
    ("MIX2API_BUDGET_SUMMARY_INPUT_TOKENS", "9", "budget.summary_input_tokens", 9),
    ("BUDGET_HISTORY_SUMMARY_MAX_CHARS", "9", "budget.summary_max_chars", 9),
    ("BUDGET_HISTORY_SUMMARY_MAX_LINES", "9", "budget.summary_max_lines", 9),
    ("MIX2API_THINK", "text", "tools.think", "text"),
    ("MIX2API_UPSTREAM_CONNECT_TIMEOUT_MS", "1", "network.connect_timeout_ms", 1),
    ("MIX2API_UPSTREAM_FIRST_BYTE_TIMEOUT_MS", "7", "network.first_byte_ms", 7),
    ("UPSTREAM_TIMEOUT_MS", "9", "network.first_byte_ms", 9),
    ("UPSTREAM_TIMEOUT_MS", "9", "network.idle_timeout_ms", 9),
    ("MIX2API_UPSTREAM_SILENCE_TIMEOUT_MS", "0", "network.silence_timeout_ms", 0),
    ("MIX2API_ANSWER_MAX_BYTES", "1mb", "network.answer_max_bytes", 1_048_576),
    ("MIX2API_UPSTREAM_TOTAL_TIMEOUT_MS", "5", "network.total_timeout_ms", 5),
    ("UPSTREAM_RETRY_COUNT", "2", "network.retry_count", 2),
    ("UPSTREAM_RETRY_BASE_MS", "1", "network.retry_base_ms", 1),
    ("UPSTREAM_KEEP_ALIVE", "false", "network.keep_alive", False),
    ("MIX2API_UPSTREAM_CA_FILE", "ca.pem", "network.ca_file", Path("ca.pem")),
    ("UPSTREAM_AUTH_MODE", "pass_through", "upstream_auth.mode", UpstreamAuthMode.PASS_THROUGH),
    ("UPSTREAM_BEARER_TOKEN", "u", "upstream_auth.bearer_token", "u"),
    ("UPSTREAM_TOKEN_URL", "https://a.example/t?x=1", "upstream_auth.token_url", "https://a.example/t?x=1"),
    ("UPSTREAM_TOKEN_PATH", "/login", "upstream_auth.token_path", "/login"),
    ("UPSTREAM_TOKEN_METHOD", "GET", "upstream_auth.token_method", TokenMethod.GET),
    ("UPSTREAM_TOKEN_HEADERS_JSON", '{"X-Key": "k"}', "upstream_auth.token_headers", {"x-key": "k"}),
    ("UPSTREAM_TOKEN_BODY_JSON", '{"user": 1}', "upstream_auth.token_body", {"user": 1}),
    ("UPSTREAM_TOKEN_FIELD", "data.token", "upstream_auth.token_field", "data.token"),
    ("UPSTREAM_TOKEN_EXPIRES_IN_FIELD", "ttl", "upstream_auth.expires_in_field", "ttl"),
    ("UPSTREAM_TOKEN_TIMEOUT_MS", "5", "upstream_auth.token_timeout_ms", 5),
    ("UPSTREAM_TOKEN_EXPIRY_SKEW_MS", "0", "upstream_auth.expiry_skew_ms", 0),
    ("UPSTREAM_AUTH_RECOVERY_RETRY", "2", "upstream_auth.recovery_retries", 2),
    ("MIX2API_UPSTREAMS_FILE", "/etc/upstreams.toml", "site.upstreams_file", Path("/etc/upstreams.toml")),
    ("MIX2API_ACCOUNTS_FILE", "/etc/accounts.toml", "pool.file", Path("/etc/accounts.toml")),
    ("MIX2API_ACCOUNTS_BINDING_TTL_S", "60", "pool.binding_ttl_s", 60),
    ("MIX2API_ACCOUNTS_BINDING_SCOPE", "lineage", "pool.binding_scope", BindingScope.LINEAGE),
    ("MIX2API_RESPONSE_OWNER_TTL_S", "60", "pool.owner_ttl_s", 60),
    ("MIX2API_ACCOUNTS_TRIES", "5", "pool.tries", 5),
    ("MIX2API_EXPOSE_ACCOUNT", "true", "pool.exposes", True),
    ("UPSTREAM_DYNAMIC_BASE_ENABLED", "true", "dynamic_base.enabled", True),
    ("UPSTREAM_BASE_ALLOWLIST", "A.example, *.b.example:8443", "dynamic_base.allowlist", ALLOWED),
    ("UPSTREAM_BASE_ALLOW_HTTP", "true", "dynamic_base.allow_http", True),
    ("UPSTREAM_BASE_ALLOW_PRIVATE", "true", "dynamic_base.allow_private", True),
    ("SESSION_STORE_MODE", "memory", "storing.mode", StoreMode.MEMORY),
    ("REDIS_URL", "redis://r:1/2", "storing.url", "redis://r:1/2"),
    ("REDIS_CONNECT_TIMEOUT_MS", "10", "storing.connect_timeout_ms", 10),
    ("REDIS_SESSION_PREFIX", "team-a:session", "storing.prefix", "team-a"),
    ("MIX2API_SECRET", SECRET, "storing.secret", SECRET.encode()),
    ("MIX2API_DATA_DIR", "/var/lib/x", "storing.data_dir", Path("/var/lib/x")),
    ("MIX2API_SHARDS", "16", "storing.shards", 16),
    ("MIX2API_LEASE_S", "2", "storing.lease_s", 2),
    ("MIX2API_RETENTION_S", "3600", "storing.retention_s", 3600),
    ("SESSION_TTL_MS", "5000", "sessions.ttl_ms", 5000),
    ("MIX2API_SESSION_REUSE", "key", "sessions.reuse", SessionReuse.KEY),
    ("UPSTREAM_MESSAGES_MAX", "3", "sessions.messages_max", 3),
    ("UPSTREAM_MESSAGE_MAX_CHARS", "9", "sessions.message_max_chars", 9),
    ("MIX2API_MAX_CONCURRENCY", "3", "working.max_concurrency", 3),
    ("MIX2API_QUEUE_MAX", "0", "working.queue_max", 0),
    ("MIX2API_QUEUE_TIMEOUT_MS", "0", "working.queue_timeout_ms", 0),
    ("MIX2API_DRAIN_READY_S", "0", "working.drain_ready_s", 0),
    ("MIX2API_DRAIN_TIMEOUT_S", "1", "working.drain_timeout_s", 1),
    ("MIX2API_ACTOR_IDLE_S", "1", "working.actor_idle_s", 1),
    ("MIX2API_ACTOR_IDLE_MAX", "1", "working.actor_idle_max", 1),
    ("MIX2API_STREAM_BACKLOG_BYTES", "64kb", "working.stream_backlog_bytes", 65_536),
    ("MIX2API_CHUNK_WINDOW_MS", "0", "working.chunk_window_ms", 0),
    ("MIX2API_CHANNEL", "canary", "release.channel", Channel.CANARY),
    ("MIX2API_RERUN", "false", "working.rerun", False),
    ("MIX2API_WEIGHT", "5", "release.weight", 5),
    ("MIX2API_LOG_FORMAT", "JSON", "logging.format", LogFormat.JSON),
    ("MIX2API_LOG_LEVEL", "debug", "logging.level", LogLevel.DEBUG),
    ("LOG_HEADERS", "true", "logging.headers", True),
    ("LOG_BODIES", "true", "logging.bodies", True),
    ("LOG_TOOL_PARSE", "true", "logging.tool_parse", True),
    ("LOG_TOOL_SELECTION", "true", "logging.tool_selection", True),
    ("LOG_TOKEN_INFO", "true", "logging.token_info", True),
    ("TRACE_SAMPLING_ENABLED", "true", "tracing.enabled", True),
    ("TRACE_SAMPLING_RATE", "0.5", "tracing.rate", 0.5),
    (
        "MIX2API_TRACE_KEEP",
        "slow, client=codex",
        "tracing.keep",
        frozenset({"slow", "codex"}),
    ),
    ("MIX2API_TRACE_MODE", "content", "tracing.mode", TraceMode.CONTENT),
    ("TRACE_RETENTION_MS", "5", "tracing.retention_ms", 5),
    ("TRACE_MAX_ENTRIES", "5", "tracing.max_entries", 5),
    ("MIX2API_OTEL", "true", "telemetry.enabled", True),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:4318/", "telemetry.endpoint", "https://c:4318"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b", "telemetry.headers", {"api-key": "a b"}),
    ("OTEL_SERVICE_NAME", "ours", "telemetry.service", "ours"),
    ("MIX2API_ADMIN_PORT", "9464-9466", "watching.admin_ports", range(9464, 9467)),
    ("MIX2API_ADMIN_HOST", "::1", "watching.admin_host", "::1"),
    ("MIX2API_METRICS_TOKEN", "t0ken", "watching.metrics_token", "t0ken"),
    ("MIX2API_CONVERSATIONS", "true", "conversing.enabled", True),
    ("MIX2API_CONVERSATIONS_RETENTION_DAYS", "7", "conversing.retention_days", 7),
    ("MIX2API_CONVERSATIONS_BUSY", "reject", "conversing.busy", Busy.REJECT),
    ("MIX2API_CONVERSATIONS_DRAFTS", "false", "conversing.drafts", False),
    ("MIX2API_CONVERSATIONS_PARALLEL", "5", "conversing.parallel", 5),
    ("MIX2API_CONVERSATIONS_CALLS", "5", "conversing.calls", 5),
    ("MIX2API_CONVERSATIONS_CALL_TIMEOUT_MS", "5", "conversing.call_timeout_ms", 5),
    ("MIX2API_CONVERSATIONS_STALL_S", "5", "conversing.stall_s", 5),
    ("MIX2API_CONVERSATIONS_AGENTS_FILE", "/a.toml", "conversing.agents_file", Path("/a.toml")),
    ("MIX2API_CONVERSATIONS_MODEL", "m", "conversing.model", "m"),
    ("MIX2API_CONSOLE_HOST", "::1", "console.host", "::1"),
    ("MIX2API_CONSOLE_PORT", "0", "console.port", 0),
    ("MIX2API_CONSOLE_TOKENS_FILE", "t.toml", "console.tokens_file", Path("t.toml")),
    ("MIX2API_CONSOLE_SESSION_S", "60", "console.session_s", 60),
    ("MIX2API_CONSOLE_RUNS", "5000", "console.runs", 5000),
]
NEEDED_WITH = {"REDIS_URL": {"MIX2API_SECRET": SECRET}}


def at(settings: Settings, path: str) -> object:
    group, name = path.split(".")
    return getattr(getattr(settings, group), name)


@pytest.mark.parametrize(("name", "text", "path", "value"), EFFECTS)
@pytest.mark.parametrize("source", [Source.ENVIRONMENT, Source.FILE])
def test_a_setting_changes_its_group(name: str, text: str, path: str, value: object, source: Source) -> None:
    more = NEEDED_WITH.get(name, {})
    plain = load_settings(more, None)
    in_file = source is Source.FILE
    settings = load_settings(
        more if in_file else {**more, name: text}, f"{name}='{text}'\n" if in_file else None
    )
    assert at(settings, path) == value
    assert at(plain, path) != value
    assert settings.given[name].source is source


def test_every_setting_that_takes_effect_is_in_the_table_above() -> None:
    served = {one.name for group in GROUPS.values() for one in settings_of(group).values()}
    assert served == {name for name, *_ in EFFECTS}


def test_without_anything_all_stands_at_the_defaults() -> None:
    settings = load_settings({}, None)
    assert attrs.evolve(settings, warnings=()) == Settings()
    assert settings.warnings == (
        "INBOUND_BEARER_TOKEN is not set: any bearer is accepted and only fingerprinted",
    )


def test_a_door_that_stands_open_is_warned_of() -> None:
    assert load_settings({"INBOUND_AUTH_MODE": "none"}, None).warnings == (
        "INBOUND_AUTH_MODE is none: everybody is served",
    )


def test_names_are_known_once_and_defaults_are_good() -> None:
    rows = [one for group in GROUPS.values() for one in settings_of(group).values()]
    assert len(rows) == len(KNOWN)
    for row in rows:
        assert row.default_value is None or row.default


def test_the_environment_wins_over_the_file_and_empty_means_unset() -> None:
    assert load_settings({"PORT": "1"}, "PORT=2\n").listening.port == 1
    assert load_settings({"PORT": " "}, "PORT=2\n").listening.port == 2
    assert load_settings({"PORT": ""}, "PORT=\n").listening.port == 3001


def test_plans_do_not_go_with_a_credential_that_only_requests_bring() -> None:
    with pytest.raises(ConfigurationError, match="MIX2API_CONVERSATIONS: does not go with"):
        load_settings({"MIX2API_CONVERSATIONS": "true", "UPSTREAM_AUTH_MODE": "pass_through"}, None)


def test_every_bad_setting_is_reported_at_once_and_secrets_are_masked() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(
            {
                "PORT": "65536",
                "EXPOSE_STACK": "flase",
                "BODY_SIZE_LIMIT": "5 pounds",
                "FORCE_TOOL_CALL": "2",
                "MIX2API_SECRET": "planted",
                "REDIS_URL": "http://user:planted@host",
                "UPSTREAM_API_BASE": "https://user:planted@host",
                "UPSTREAM_BEARER_TOKEN": "plantéd",
                "UPSTREAM_TOKEN_BODY_JSON": '["planted"]',
                "UPSTREAM_AUTH_MODE": "oauth",
            },
            "QUERY_MAX_CHARS=-1\n",
        )
    lines = str(caught.value).splitlines()
    assert "PORT: `65536` is refused; allowed: a whole number from 0 to 65535" in lines
    assert "EXPOSE_STACK: `flase` is refused; allowed: true, 1, yes, on, false, 0, no, off" in lines
    assert "UPSTREAM_AUTH_MODE: `oauth` is refused; allowed: static, managed, pass_through, none" in lines
    assert "FORCE_TOOL_CALL: `2` is refused; allowed: true, 1, yes, on, false, 0, no, off" in lines
    assert len(lines) == 11
    assert "plant" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_value_with_control_characters_cannot_write_to_the_terminal() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"PORT": "\x1b[2Jx"}, None)
    assert "\x1b" not in str(caught.value)


CONTRADICTIONS: list[tuple[dict[str, str], str]] = [
    ({"REDIS_URL": "redis://r"}, "MIX2API_SECRET: is not set; with REDIS_URL"),
    ({"REDIS_URL": "redis://r", "SESSION_STORE_MODE": "redis"}, "MIX2API_SECRET: is not set; with REDIS_URL"),
    ({"SESSION_STORE_MODE": "redis"}, "REDIS_URL: is not set; SESSION_STORE_MODE=redis needs it"),
    ({"INBOUND_AUTH_MODE": "keys"}, "INBOUND_KEYS_FILE: is not set; INBOUND_AUTH_MODE=keys needs it"),
]


@pytest.mark.parametrize(("environ", "line"), CONTRADICTIONS)
def test_settings_that_need_another_one_say_so(environ: dict[str, str], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ, None)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_the_embedded_store_needs_no_secret_even_if_a_redis_is_named() -> None:
    settings = load_settings({"REDIS_URL": "redis://r", "SESSION_STORE_MODE": "memory"}, None)
    assert settings.storing.url is None


def test_a_bad_secret_is_not_also_called_missing() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"REDIS_URL": "redis://r", "MIX2API_SECRET": "short"}, None)
    assert "\n" not in str(caught.value)


def test_a_command_names_what_it_cannot_do_without() -> None:
    with pytest.raises(ConfigurationError, match=r"^UPSTREAM_API_BASE: is not set; an http"):
        load_settings({}, None, required=["UPSTREAM_API_BASE", "PORT"])
    assert load_settings({"UPSTREAM_API_BASE": "http://x"}, None, required=["UPSTREAM_API_BASE"])


@pytest.mark.parametrize(
    "given", [{"MIX2API_UPSTREAM": "opencode"}, {"MIX2API_UPSTREAMS_FILE": "/etc/u.toml"}]
)
def test_an_upstream_whose_place_is_said_elsewhere_needs_no_base_url(given: dict[str, str]) -> None:
    assert load_settings(given, None, required=["UPSTREAM_API_BASE"])


DYNAMIC = {**CLOSED, "UPSTREAM_DYNAMIC_BASE_ENABLED": "true"}


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({"UPSTREAM_BEARER_TOKEN": "u"}, ["UPSTREAM_BASE_ALLOWLIST"]),
        ({"UPSTREAM_BEARER_TOKEN": "u", "UPSTREAM_BASE_ALLOWLIST": "a.example"}, []),
        ({"UPSTREAM_AUTH_MODE": "none"}, []),
        ({"UPSTREAM_AUTH_MODE": "managed"}, ["UPSTREAM_BASE_ALLOWLIST", "UPSTREAM_TOKEN_URL"]),
        ({"UPSTREAM_AUTH_MODE": "managed", "UPSTREAM_TOKEN_URL": "http://t"}, ["UPSTREAM_BASE_ALLOWLIST"]),
    ],
)
def test_a_choice_of_upstream_that_will_always_be_refused_is_warned_of(
    environ: dict[str, str], names: list[str]
) -> None:
    warnings = load_settings({**DYNAMIC, **environ}, None).warnings
    assert [warning.partition(" ")[0] for warning in warnings] == names


def test_an_unknown_name_of_ours_is_warned_of_with_the_nearest_known_one() -> None:
    settings = load_settings(
        {**CLOSED, "MIX2API_RETENTON_S": "1", "MIX2API_PROT": "1", "MIX2API_ZZZ": "1"}, None
    )
    assert settings.warnings == (
        "MIX2API_PROT is not known and ignored; did you mean PORT?",
        "MIX2API_RETENTON_S is not known and ignored; did you mean MIX2API_RETENTION_S?",
        "MIX2API_ZZZ is not known and ignored",
    )


def test_foreign_names_are_nobodys_business_unless_the_file_nearly_names_one_of_ours() -> None:
    foreign = "NODE_ENV=production\nUPSTREM_API_BASE=http://x\n"
    assert load_settings({**CLOSED, "UPSTREM_API_BASE": "http://x", "HOME": "/root"}, None).warnings == ()
    assert load_settings(CLOSED, foreign).warnings == (
        "UPSTREM_API_BASE is not known and ignored; did you mean UPSTREAM_API_BASE?",
    )


def test_what_the_file_cannot_say_is_remarked_on() -> None:
    assert load_settings(CLOSED, "nonsense\n").warnings == (".env line 1 is not NAME=value and is ignored",)


def test_secrets_are_in_no_repr() -> None:
    names = ("INBOUND_BEARER_TOKEN", "UPSTREAM_BEARER_TOKEN", "MIX2API_SECRET", "UPSTREAM_TOKEN_HEADERS_JSON")
    values = dict.fromkeys(names[:3], "planted-planted-planted") | {names[3]: '{"a": "planted"}'}
    settings = load_settings({**values, "REDIS_URL": "redis://:planted@r"}, None)
    assert "planted" not in repr(settings)
    assert "planted" not in "".join(settings.warnings)


@pytest.mark.parametrize("name", FORMER)
@pytest.mark.parametrize("in_file", [True, False])
def test_a_name_of_the_earlier_adapter_that_has_no_setting_is_told(name: str, *, in_file: bool) -> None:
    settings = load_settings({}, f"{name}=1\n") if in_file else load_settings({name: "1"}, None)
    assert [line for line in settings.warnings if line.startswith(name)] == [f"{name} {FORMER[name]}"]
    assert not any(line.startswith(name) for line in load_settings({name: ""}, None).warnings)


def test_no_former_name_is_a_setting() -> None:
    assert FORMER.keys().isdisjoint(KNOWN)
