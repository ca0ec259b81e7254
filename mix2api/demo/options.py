"""The options of a demo site. `mix2api.cli` reads them from flags; tests build them directly."""

from enum import StrEnum

from attrs import field, frozen, validators

from mix2api.demo.token_count import TokenCount


class DemoKind(StrEnum):
    """The protocol that the demo site speaks."""

    MIX = "mix"
    """The session-based site."""
    OPENAI = "openai"
    """Chat Completions: it keeps nothing between two requests."""
    RESPONSES = "responses"
    """The Responses API: it keeps responses, each for its account."""
    OPENCODE = "opencode"
    """A runtime: it works at prompts by itself, and tells of that by events."""


@frozen(kw_only=True)
class DemoOptions:
    """A demo site's settings; directives in a prompt override `pace_ms`, `chunks` and `size` for one answer."""

    kind: DemoKind = DemoKind.MIX
    host: str = "127.0.0.1"
    port: int = field(default=0, validator=[validators.ge(0), validators.le(65_535)])
    """0 takes a free one; the handle that `serve_demo` reports has it."""
    pace_ms: int = field(default=0, validator=validators.ge(0))
    """Milliseconds between two deltas; 0 is as fast as the socket takes them."""
    chunks: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    """Numbered deltas of an answer that no directive shapes; None answers in sentences and calls tools."""
    size: int = field(default=24, validator=validators.ge(1))
    """Characters of a delta."""
    context_window: int = field(default=128_000, validator=validators.ge(1))
    """Tokens that one session may hold before the site refuses the turn."""
    count: TokenCount = field(factory=TokenCount)
    """How the site counts them, and its usage."""
    require_token: bool = False
    """Whether a chat needs a bearer token of `POST /v2/token` that has not expired."""
    token_ttl_s: int = field(default=3600, validator=validators.ge(1))
    """Seconds that a token lives."""
    fault: str = "[[cut]]"
    """Directives that every `fault_every`-th chat gets beside its own: a site, or an adapter, that fails now and then."""
    fault_every: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    """None: no chat gets them."""
    fault_where: str = ""
    """Only chats whose context holds this text get them, and only those are counted. Empty: all chats."""
    max_sessions: int = field(default=10_000, validator=validators.ge(1))
    """Sessions kept; beyond it the one unused for longest is forgotten, as a real site forgets."""
