"""The `responses` kind as the table of kinds has it."""

from typing import Final

from mix2api.settings import Settings
from mix2api.upstreams.http.client import HttpClient
from mix2api.upstreams.kind import Kind
from mix2api.upstreams.openai.kind import OPENAI, api_options
from mix2api.upstreams.port import Upstream
from mix2api.upstreams.responses.responses import ResponsesUpstream
from mix2api.upstreams.surroundings import Surroundings


def _upstream(settings: Settings, client: HttpClient, _: Surroundings) -> Upstream:
    return ResponsesUpstream(api_options(settings), client)


RESPONSES: Final = Kind(
    upstream=_upstream,
    form=OPENAI.form,
    tools_in_text=OPENAI.tools_in_text,
    passes_through=True,
    speaks_responses=True,
)
