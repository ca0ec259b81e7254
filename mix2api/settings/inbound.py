"""Groups of the edge: where it listens, how callers prove themselves, who may share sessions."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

from pathlib import Path

from attrs import frozen

from mix2api.settings.address_readers import HeaderName, Origins
from mix2api.settings.bounds import DAY_MS, DAY_S
from mix2api.settings.choices import InboundAuthMode, SessionKeyMode, SessionReuse
from mix2api.settings.readers import Choice, Flag, HeaderText, ModelNames, Place, Size, Text, Whole
from mix2api.settings.setting import Setting, held


@frozen(kw_only=True)
class Listening:
    """Where the edge listens and what it shows."""

    host: str = held(Setting("MIX2API_HOST", Text(255), "127.0.0.1", "address that the edge listens on"))
    port: int = held(Setting("PORT", Whole(0, 65_535), "3001", "port of the edge; 0: any free one"))
    models: tuple[str, ...] = held(
        Setting(
            "MODEL_LIST",
            ModelNames(),
            "mix/qwen-3-235b-instruct,mix/claude-sonnet-4-5",
            "models that are shown; others are accepted all the same",
        )
    )
    body_limit: int = held(
        Setting(
            "BODY_SIZE_LIMIT",
            Size(1 << 10, 1 << 30),
            "32mb",
            "largest request body, unpacked; more is 413",
            unit="bytes",
        )
    )
    cors_origins: tuple[str, ...] | None = held(
        Setting(
            "MIX2API_CORS_ORIGINS",
            Origins(),
            "",
            "web pages that may call from a browser, by their origin; `*`: every page; empty: none",
        )
    )
    max_connections: int = held(
        Setting(
            "MIX2API_MAX_CONNECTIONS",
            Whole(1, 1_000_000),
            "10000",
            "clients' connections at a time, no more than half of the file descriptors; past it the longest idle one is "
            "closed, or the new one is answered with 503",
        )
    )
    early_headers_ms: int = held(
        Setting(
            "MIX2API_EARLY_HEADERS_MS",
            Whole(0, DAY_MS),
            "3000",
            "silence after which a stream's headers leave, though an error can then no longer have its own status",
            unit="ms",
        )
    )
    keepalive_s: int = held(
        Setting("MIX2API_KEEPALIVE_S", Whole(1, 3600), "15", "silence between keep-alive comments", unit="s")
    )
    client_stall_s: int = held(
        Setting(
            "MIX2API_CLIENT_STALL_S",
            Whole(1, DAY_S),
            "60",
            "a client that reads nothing for so long counts as gone",
            unit="s",
        )
    )
    expose_stack: bool = held(
        Setting("EXPOSE_STACK", Flag(), "false", "class and place of our own faults stand in error answers")
    )


@frozen(kw_only=True)
class InboundAuth:
    """How callers prove themselves."""

    mode: InboundAuthMode = held(
        Setting(
            "INBOUND_AUTH_MODE",
            Choice(InboundAuthMode),
            "bearer",
            "`bearer`: one shared secret; `keys`: several named keys; `none`: everybody",
        )
    )
    bearer_token: str | None = held(
        Setting(
            "INBOUND_BEARER_TOKEN",
            HeaderText(),
            "",
            "the shared secret; without it `bearer` accepts any bearer and only fingerprints it",
            secret=True,
        )
    )
    keys_file: Path | None = held(
        Setting(
            "INBOUND_KEYS_FILE", Place(), "", "TOML file of keys (id, name, SHA-256 of the key) for `keys`"
        )
    )


@frozen(kw_only=True)
class Isolation:
    """Who may share sessions."""

    key_mode: SessionKeyMode = held(
        Setting(
            "SESSION_KEY_MODE",
            Choice(SessionKeyMode),
            "auth_model_client",
            "what the isolation key is made of: the caller's credential and the model in every mode, and in `auth_model_client` the client",
        )
    )
    key_header: str = held(
        Setting(
            "SESSION_KEY_HEADER",
            HeaderName(),
            "x-session-key",
            "header whose value is added to the isolation key and names the session where there is no history",
        )
    )


@frozen(kw_only=True)
class Sessions:
    """How conversations are continued."""

    ttl_ms: int = held(
        Setting(
            "SESSION_TTL_MS",
            Whole(1000, 365 * DAY_MS),
            "1800000",
            "how long a session waits for its next turn",
            unit="ms",
        )
    )
    reuse: SessionReuse = held(
        Setting(
            "MIX2API_SESSION_REUSE",
            Choice(SessionReuse),
            "lineage",
            "`lineage`: by the history that a request carries; `key`: one session for each isolation key",
        )
    )
    messages_max: int = held(
        Setting(
            "UPSTREAM_MESSAGES_MAX",
            Whole(0, 100_000),
            "0",
            "new messages that a continued turn sends; older ones are withheld and counted; 0: no limit",
        )
    )
    message_max_chars: int = held(
        Setting(
            "UPSTREAM_MESSAGE_MAX_CHARS",
            Whole(0, 10_000_000),
            "0",
            "longest message that a continued turn sends, tool results apart; of a longer one both ends; 0: no limit",
            unit="characters",
        )
    )
