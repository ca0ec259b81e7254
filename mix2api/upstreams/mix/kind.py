"""The `mix` kind as the table of kinds has it: its settings to its options."""

from functools import partial
from types import MappingProxyType
from typing import Final

from mix2api.errors import ConfigurationError
from mix2api.settings import Settings
from mix2api.settings.choices import UpstreamStream
from mix2api.tools.instruction import InstructionPlace
from mix2api.upstreams.http.client import HttpClient
from mix2api.upstreams.kept import Keeps
from mix2api.upstreams.kind import Kind
from mix2api.upstreams.mix.kept import kept_by_site
from mix2api.upstreams.mix.mix import MixUpstream
from mix2api.upstreams.mix.options import CredentialSource, MixOptions, ToolOptions
from mix2api.upstreams.port import Upstream
from mix2api.upstreams.surroundings import Surroundings


def _upstream(settings: Settings, client: HttpClient, _: Surroundings) -> Upstream:
    return MixUpstream(_options(settings), client)


def _form(settings: Settings) -> list[object]:
    """The fields that the site keeps with a session. Their order is part of every realm: it never changes."""
    mix = settings.mix
    return [
        mix.chat_path,
        mix.agent_slug,
        dict(mix.locale),
        dict(mix.modes),
        mix.personalized,
        mix.persona_id,
        mix.send_tools,
        settings.tools.instruction.value,
        _tool_options(settings).max_count,
    ]


def _tools_in_text(settings: Settings) -> bool:
    return not settings.mix.send_tools


def _keeps(settings: Settings) -> Keeps:
    return partial(kept_by_site, _options(settings))


MIX: Final = Kind(upstream=_upstream, form=_form, tools_in_text=_tools_in_text, keeps=_keeps)


def _options(settings: Settings) -> MixOptions:
    site, mix = settings.site, settings.mix
    if site.api_base is None:
        raise ConfigurationError("UPSTREAM_API_BASE is required: the base URL of the site, https://…")
    return MixOptions(
        base_url=site.api_base,
        chat_path=mix.chat_path,
        agent_slug=mix.agent_slug,
        locale=MappingProxyType(dict(mix.locale)),
        modes=MappingProxyType(dict(mix.modes)),
        is_personalized=mix.personalized,
        persona_id=mix.persona_id,
        referer=mix.referer,
        accept_language=mix.accept_language,
        always_stream=mix.stream is UpstreamStream.ALWAYS,
        stream_tools=mix.stream_tools,
        send_tools=mix.send_tools,
        tools=_tool_options(settings),
        context_in_query=mix.context_in_query,
        query_max_chars=mix.query_max_chars,
        credential=CredentialSource(settings.upstream_auth.mode.value),
        bearer_token=settings.upstream_auth.bearer_token,
    )


def _tool_options(settings: Settings) -> ToolOptions:
    tools = settings.tools
    return ToolOptions(
        force_call=tools.force_call,
        instruction=InstructionPlace(tools.instruction.value),
        max_count=tools.told_max,
        description_max_chars=tools.description_max_chars,
    )
