"""The `openai` kind as the table of kinds has it: its settings to its options."""

from typing import Final

from mix2api.errors import ConfigurationError
from mix2api.settings import Settings, UpstreamAuthMode
from mix2api.upstreams.http.client import HttpClient
from mix2api.upstreams.kind import Kind
from mix2api.upstreams.openai.openai import OpenAiUpstream
from mix2api.upstreams.openai.options import OpenAiOptions
from mix2api.upstreams.port import Upstream
from mix2api.upstreams.surroundings import Surroundings


def _upstream(settings: Settings, client: HttpClient, _: Surroundings) -> Upstream:
    return OpenAiUpstream(api_options(settings), client)


def _form(_: Settings) -> list[object]:
    """Nothing: such a server keeps no session."""
    return []


def _tools_in_text(_: Settings) -> bool:
    return False


OPENAI: Final = Kind(upstream=_upstream, form=_form, tools_in_text=_tools_in_text, passes_through=True)


def api_options(settings: Settings) -> OpenAiOptions:
    """The server that the settings describe.

    Raises:
        ConfigurationError: they name no base URL.
    """
    base_url = settings.site.api_base
    if base_url is None:
        raise ConfigurationError("UPSTREAM_API_BASE is required: the base URL of the API, https://…/v1")
    auth = settings.upstream_auth
    is_ours = auth.mode is UpstreamAuthMode.STATIC and auth.bearer_token
    return OpenAiOptions(base_url=base_url, authorization=f"Bearer {auth.bearer_token}" if is_ours else None)
