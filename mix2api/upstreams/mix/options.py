"""What a deployment chooses about the `mix` site."""

from enum import StrEnum
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from mix2api.tools.instruction import InstructionPlace
from mix2api.wire.sse_frames import FRAME_LIMIT


class CredentialSource(StrEnum):
    """Whose credential the site is shown (`UPSTREAM_AUTH_MODE`)."""

    STATIC = "static"
    """The deployment's own token."""
    PASS_THROUGH = "pass_through"  # noqa: S105 - a mode's name
    """The caller's."""
    MANAGED = "managed"
    """A token that is fetched and renewed (`mix2api.upstreams.credentials`)."""
    NONE = "none"


@frozen(kw_only=True)
class ToolOptions:
    """How a site without native tools is told of them."""

    force_call: bool = False
    """`FORCE_TOOL_CALL`: for sites with native tools, too."""
    instruction: InstructionPlace = InstructionPlace.BOTH
    """`TOOL_INSTRUCTION_MODE`."""
    max_count: int | None = None
    """`TOOL_MAX_COUNT`; None: all."""
    description_max_chars: int = 0
    """`TOOL_DESC_MAX_CHARS`; 0: no limit."""


def _locale() -> MappingProxyType[str, Any]:
    return MappingProxyType({"location": "Asia/Shanghai", "language": "zh-CN"})


def _modes() -> MappingProxyType[str, Any]:
    return MappingProxyType({"search": True})


@frozen(kw_only=True)
class MixOptions:
    """One configured site."""

    base_url: str
    """`UPSTREAM_API_BASE`: http(s), host, perhaps a path."""
    chat_path: str = "/v2/chats"
    agent_slug: str = "web-general"
    locale: MappingProxyType[str, Any] = field(factory=_locale)
    modes: MappingProxyType[str, Any] = field(factory=_modes)
    is_personalized: bool = True
    persona_id: str | None = None
    """`DEFAULT_PERSONA_ID`, for turns that name none."""
    referer: str | None = None
    accept_language: str = "zh-CN,zh;q=0.9,en;q=0.8"
    always_stream: bool = True
    """`MIX2API_UPSTREAM_STREAM`: the site is asked to stream, whatever the client asked for."""
    stream_tools: bool = True
    """`MIX2API_UPSTREAM_STREAM_TOOLS`: off for sites whose tool calls in text only parse when whole."""
    send_tools: bool = False
    """`SEND_UPSTREAM_TOOLS`: the site knows native tool calls."""
    tools: ToolOptions = field(factory=ToolOptions)
    context_in_query: bool = False
    """`INCLUDE_CONTEXT_IN_QUERY`: on a fresh session the query holds the earlier messages as text, too."""
    query_max_chars: int = 30_000
    """`QUERY_MAX_CHARS`; 0: no limit."""
    credential: CredentialSource = CredentialSource.STATIC
    bearer_token: str | None = field(default=None, repr=False)
    frame_limit: int = FRAME_LIMIT
    """Bytes of one frame. Those of a whole answer are the HTTP client's to bound."""
