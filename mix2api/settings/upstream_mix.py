"""Group of the `mix` kind of upstream: what is asked of the site."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

from collections.abc import Mapping

from attrs import frozen

from mix2api.settings.address_readers import UrlPath
from mix2api.settings.choices import UpstreamStream
from mix2api.settings.readers import Choice, Flag, HeaderText, JsonObject, Text, Whole
from mix2api.settings.setting import Setting, held


@frozen(kw_only=True)
class MixSite:
    """What is asked of a `mix` upstream."""

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
    stream: UpstreamStream = held(
        Setting(
            "MIX2API_UPSTREAM_STREAM",
            Choice(UpstreamStream),
            "always",
            "`always`: the site is asked to stream, and whole answers are assembled here, with the reasoning and the usage "
            "that only its streams have; `as_asked`: as the client asked",
        )
    )
    stream_tools: bool = held(
        Setting(
            "MIX2API_UPSTREAM_STREAM_TOOLS",
            Flag(),
            "true",
            "`false`: with tools in play the site is asked for a whole answer, whatever `MIX2API_UPSTREAM_STREAM` says",
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
            Whole(0, 10_000_000),
            "30000",
            "longest `query`, which the site searches with and does not keep: `messages` hold all; on a continued session it is "
            "1,200 bytes at most, unless tools are told in it; 0: no limit",
            unit="characters",
        )
    )
