"""The `mix` upstream: the site's dialect over HTTP."""

from functools import partial

from mix2api.clock import Clock
from mix2api.upstreams.http.client import HttpClient
from mix2api.upstreams.mix.answer import events_of_answer
from mix2api.upstreams.mix.options import MixOptions
from mix2api.upstreams.mix.request import request_body, request_headers
from mix2api.upstreams.mix.transcript import Transcript
from mix2api.upstreams.site_upstream import Dialect, SiteUpstream


class MixUpstream(SiteUpstream):
    """The port over HTTP.

    Args:
        options: of the site.
        client: its connections; closed by whoever made it.
        clock: for `retry-after` dates.

    Raises:
        ValueError: `base_url` is none.
    """

    def __init__(self, options: MixOptions, client: HttpClient, clock: Clock | None = None) -> None:
        dialect = Dialect(
            path=options.chat_path,
            bare_path=options.chat_path,
            headers=partial(request_headers, options=options),
            body=partial(request_body, options=options),
            transcript=Transcript,
            whole=events_of_answer,
            frame_limit=options.frame_limit,
        )
        super().__init__(options.base_url, dialect, client, clock)
