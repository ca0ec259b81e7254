"""The `openai` upstream: Chat Completions over HTTP."""

from functools import partial
from typing import Final

from mix2api.clock import Clock
from mix2api.upstreams.http.client import HttpClient
from mix2api.upstreams.openai.answer import events_of_answer
from mix2api.upstreams.openai.options import OpenAiOptions
from mix2api.upstreams.openai.request import request_body, request_headers
from mix2api.upstreams.openai.transcript import ChatTranscript
from mix2api.upstreams.site_upstream import Dialect, SiteUpstream

_PATH: Final = "/chat/completions"
_BARE_PATH: Final = f"/v1{_PATH}"


class OpenAiUpstream(SiteUpstream):
    """The port over HTTP.

    Args:
        options: of the server.
        client: its connections; closed by whoever made it.
        clock: for `retry-after` dates.

    Raises:
        ValueError: `base_url` is none.
    """

    def __init__(self, options: OpenAiOptions, client: HttpClient, clock: Clock | None = None) -> None:
        dialect = Dialect(
            path=_PATH,
            bare_path=_BARE_PATH,
            headers=partial(request_headers, options=options),
            body=request_body,
            transcript=ChatTranscript,
            whole=events_of_answer,
            frame_limit=options.frame_limit,
        )
        super().__init__(options.base_url, dialect, client, clock)
