"""What a deployment chooses about a server of Chat Completions."""

from attrs import field, frozen

from mix2api.wire.sse_frames import FRAME_LIMIT


@frozen(kw_only=True)
class OpenAiOptions:
    """One configured server."""

    base_url: str
    """`UPSTREAM_API_BASE`: http(s), host, perhaps a path. Without a path the API's own `/v1` is added."""
    authorization: str | None = field(default=None, repr=False)
    """The deployment's own `authorization` header; None: the one that the call brings, if it brings one."""
    frame_limit: int = FRAME_LIMIT
    """Bytes of one event."""
