"""Groups of the upstream: what is asked of it, and how long it may take."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from attrs import frozen

from mix2api.settings.bounds import DAY_MS, WAIT_MS
from mix2api.settings.choices import UpstreamKind
from mix2api.settings.readers import (
    Choice,
    Flag,
    HeaderText,
    HttpUrl,
    JsonObject,
    Place,
    Size,
    Text,
    UrlPath,
    Whole,
)
from mix2api.settings.setting import Setting, held

_NOT_BUILT: Final = "this kind of upstream is not built yet; mix is"


@frozen(kw_only=True)
class Site:
    """What is asked of the `mix` upstream, and where it is."""

    kind: UpstreamKind = held(
        Setting(
            "MIX2API_UPSTREAM",
            Choice(UpstreamKind),
            "mix",
            "kind of upstream",
            refuses={
                UpstreamKind.OPENAI: _NOT_BUILT,
                UpstreamKind.RESPONSES: _NOT_BUILT,
                UpstreamKind.OPENCODE: _NOT_BUILT,
            },
        )
    )
    api_base: str | None = held(Setting("UPSTREAM_API_BASE", HttpUrl(), "", "base URL of the site"))
    chat_path: str = held(Setting("UPSTREAM_CHAT_PATH", UrlPath(), "/v2/chats", "path of its chat call"))
    agent_slug: str = held(Setting("UPSTREAM_AGENT_SLUG", Text(256), "web-general", "`request.agent_slug`"))
    locale: Mapping[str, object] = held(
        Setting(
            "MIX2API_UPSTREAM_LOCALE_JSON",
            JsonObject(),
            '{"location": "Asia/Shanghai", "language": "zh-CN"}',
            "`request.locale`",
        )
    )
    modes: Mapping[str, object] = held(
        Setting("MIX2API_UPSTREAM_MODES_JSON", JsonObject(), '{"search": true}', "`request.modes`")
    )
    personalized: bool = held(Setting("MIX2API_UPSTREAM_PERSONALIZED", Flag(), "true", "`is_personalized`"))
    persona_id: str | None = held(
        Setting("DEFAULT_PERSONA_ID", Text(256), "", "`request.persona_id` where the request names none")
    )
    referer: str | None = held(Setting("UPSTREAM_REFERER", HeaderText(), "", "`referer` header"))
    accept_language: str = held(
        Setting(
            "UPSTREAM_ACCEPT_LANGUAGE", HeaderText(), "zh-CN,zh;q=0.9,en;q=0.8", "`accept-language` header"
        )
    )
    stream_tools: bool = held(
        Setting(
            "MIX2API_UPSTREAM_STREAM_TOOLS",
            Flag(),
            "true",
            "`false`: with tools in play the site is asked for a whole answer instead of a stream",
        )
    )
    send_tools: bool = held(
        Setting("SEND_UPSTREAM_TOOLS", Flag(), "false", "`tools` and `tool_choice` go to the site unchanged")
    )
    context_in_query: bool = held(
        Setting(
            "INCLUDE_CONTEXT_IN_QUERY",
            Flag(),
            "false",
            "the history stands in `query` too, on a fresh session",
        )
    )
    query_max_chars: int = held(
        Setting(
            "QUERY_MAX_CHARS",
            Whole(1, 10_000_000),
            "30000",
            "longest `query`; on a continued session it is 1,200 bytes at most, unless tools are told in it",
            unit="characters",
        )
    )


@frozen(kw_only=True)
class Network:
    """Waits and retries of calls to the upstream."""

    connect_timeout_ms: int = held(
        Setting(
            "MIX2API_UPSTREAM_CONNECT_TIMEOUT_MS", WAIT_MS, "10000", "connecting, TLS included", unit="ms"
        )
    )
    first_byte_timeout_ms: int = held(
        Setting(
            "MIX2API_UPSTREAM_FIRST_BYTE_TIMEOUT_MS",
            Whole(0, DAY_MS),
            "0",
            "until the answer's head; 0: as `UPSTREAM_TIMEOUT_MS`",
            unit="ms",
        )
    )
    idle_timeout_ms: int = held(
        Setting(
            "UPSTREAM_TIMEOUT_MS",
            WAIT_MS,
            "180000",
            "between two pieces of the answer, and until the first",
            unit="ms",
        )
    )
    total_timeout_ms: int = held(
        Setting(
            "MIX2API_UPSTREAM_TOTAL_TIMEOUT_MS",
            Whole(0, DAY_MS),
            "1800000",
            "the whole answer; waits for a slow client are not counted; 0: no limit",
            unit="ms",
        )
    )
    silence_timeout_ms: int = held(
        Setting(
            "MIX2API_UPSTREAM_SILENCE_TIMEOUT_MS",
            Whole(0, DAY_MS),
            "600000",
            "without text, reasoning or a tool call, whatever else the site sends meanwhile; 0: no limit",
            unit="ms",
        )
    )
    answer_max_bytes: int = held(
        Setting(
            "MIX2API_ANSWER_MAX_BYTES",
            Size(1 << 16, 1 << 30),
            "32mb",
            "largest answer of the site, as it comes off the connection; its content alone is bounded by the same",
            unit="bytes",
        )
    )
    retry_count: int = held(
        Setting(
            "UPSTREAM_RETRY_COUNT",
            Whole(0, 10),
            "0",
            "repeats of a call with which nothing can have happened",
        )
    )
    retry_base_ms: int = held(
        Setting(
            "UPSTREAM_RETRY_BASE_MS",
            Whole(0, 60_000),
            "250",
            "pause before the first repeat; doubles",
            unit="ms",
        )
    )
    keep_alive: bool = held(
        Setting("UPSTREAM_KEEP_ALIVE", Flag(), "true", "connections to the site are used again")
    )
    ca_file: Path | None = held(
        Setting(
            "MIX2API_UPSTREAM_CA_FILE",
            Place(),
            "",
            "PEM file of the authorities that the site's certificate may have",
        )
    )

    @property
    def first_byte_ms(self) -> int:
        """The wait for the answer's head, in ms, with the rule for 0 applied."""
        return self.first_byte_timeout_ms or self.idle_timeout_ms
