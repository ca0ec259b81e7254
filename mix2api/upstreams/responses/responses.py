"""The `responses` upstream: the Responses API over HTTP."""

from functools import partial
from typing import Final

from attrs import evolve

from mix2api.clock import Clock
from mix2api.upstreams.http.client import HttpClient
from mix2api.upstreams.openai.options import OpenAiOptions
from mix2api.upstreams.openai.request import request_headers
from mix2api.upstreams.port import UpstreamCall
from mix2api.upstreams.responses.relayed import relayed_answer, relayed_object, relayed_transcript
from mix2api.upstreams.responses.request import request_body
from mix2api.upstreams.responses.translated import translated_answer, translated_transcript
from mix2api.upstreams.site_upstream import Dialect, SiteStream, SiteUpstream

_PATH: Final = "/responses"


class ResponsesUpstream:
    """The port over HTTP.

    Args:
        options: of the server.
        client: its connections; closed by whoever made it.
        clock: for `retry-after` dates.

    Raises:
        ValueError: the base URL is none.
    """

    def __init__(self, options: OpenAiOptions, client: HttpClient, clock: Clock | None = None) -> None:
        translating = Dialect(
            path=_PATH,
            bare_path=f"/v1{_PATH}",
            headers=partial(request_headers, options=options),
            body=request_body,
            transcript=translated_transcript,
            whole=translated_answer,
            frame_limit=options.frame_limit,
        )
        relaying = evolve(translating, transcript=relayed_transcript, whole=relayed_answer)
        looking = evolve(relaying, whole=relayed_object)
        self._translating, self._relaying, self._looking = (
            SiteUpstream(options.base_url, dialect, client, clock)
            for dialect in (translating, relaying, looking)
        )

    def open(self, call: UpstreamCall) -> SiteStream:
        """See `SiteUpstream.open`."""
        if call.turn.operation is not None:
            return self._looking.open(call)
        return (self._relaying if call.turn.is_responses else self._translating).open(call)
