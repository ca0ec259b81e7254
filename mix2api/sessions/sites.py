"""What the edge has to know of the upstream that serves a model. Pure."""

from attrs import frozen

from mix2api.errors import NotFound
from mix2api.model_prefixes import ByPrefix
from mix2api.vocabulary import Digest


@frozen(kw_only=True)
class Site:
    """One upstream, as the edge knows it."""

    digest: Digest
    """Of its kind, base URL, credential and settings: part of every realm."""
    passes_through: bool = False
    """It speaks the API that clients speak, and keeps no session: turns keep the fields of their bodies as they came, and no
    session is looked for."""
    speaks_responses: bool = False
    """That API is the Responses API, so bodies and events of such clients pass as they come."""
    bridges: bool = False
    """It is a runtime: requests tell whose runs they are, and a client session's name leads to its session (ADR 72)."""
    is_pool: bool = False
    """It has several accounts, and what one has made no other can serve."""


class Sites:
    """The upstream of each model.

    Args:
        by_prefix: the upstreams by the prefix of their models' names.
    """

    def __init__(self, by_prefix: ByPrefix[Site]) -> None:
        self._by_prefix = by_prefix
        sites = by_prefix.all()
        self.only = by_prefix.of("") if len(sites) == 1 else None
        """The upstream of all models, where it is the only one: an attribute, because every request asks."""
        self.bridge = any(site.bridges for site in sites)
        """Some upstream is a runtime."""
        self.keep_responses = any(site.speaks_responses for site in sites)
        """Some upstream may keep responses."""

    @classmethod
    def single(cls, site: Site) -> "Sites":
        """One upstream serves all models."""
        return cls(ByPrefix({"": site}))

    def of(self, model: str) -> Site:
        """The upstream of a model.

        Raises:
            NotFound: no upstream serves the model.
        """
        site = self.only or self._by_prefix.of(model)
        if site is None:
            raise NotFound(
                "No upstream of this server has that model: GET /v1/models lists those that are served.",
                param="model",
                code="model_not_found",
            )
        return site

    def speaks_responses(self, model: str) -> bool:
        """Whether the model's upstream speaks the Responses API.

        Raises:
            NotFound: no upstream serves the model.
        """
        return self.of(model).speaks_responses

    def passes_through(self, model: str) -> bool:
        """Whether the model's upstream is passed through.

        Raises:
            NotFound: no upstream serves the model.
        """
        return self.of(model).passes_through
