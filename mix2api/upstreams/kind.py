"""What a process has to know of one kind of upstream. A kind stands in its own folder and gives one such record."""

from collections.abc import Awaitable, Callable

from attrs import frozen

from mix2api.settings import Settings
from mix2api.upstreams.http.client import HttpClient
from mix2api.upstreams.kept import Keeps, as_given
from mix2api.upstreams.port import Upstream
from mix2api.upstreams.surroundings import Surroundings


@frozen(kw_only=True)
class Kind:
    """One kind of upstream, as `MIX2API_UPSTREAM` names it. Each part reads the kind's own group of the settings."""

    upstream: Callable[[Settings, HttpClient, Surroundings], Upstream]
    """The configured upstream over these connections. Raises `ConfigurationError` where a setting is missing."""
    form: Callable[[Settings], list[object]]
    """What must be equal for two processes' sessions to mean the same to the site: JSON values, part of every realm."""
    tools_in_text: Callable[[Settings], bool]
    """Whether the site calls tools in its text, for want of native calls."""
    passes_through: bool = False
    """Whether the site speaks the API that clients speak and keeps no session: fields that we do not know pass in both
    directions, and each request is put whole (resolution `stateless`)."""
    speaks_responses: bool = False
    """Whether that API is the Responses API: bodies and events of such clients pass as they come."""
    bridges: bool = False
    """Whether a turn runs in a session of a runtime that lives for one run (ADR 72). Continuity then belongs to the client
    session, and a newer request supersedes the run under way (resolution `runtime`)."""
    keep: Callable[[Upstream], Callable[[], Awaitable[None]] | None] = lambda _: None
    """What has to run for as long as the upstream is called; None: nothing."""
    runtime_runs: Callable[[Upstream], Callable[[], int] | None] = lambda _: None
    """Counts the runs that have a session in a runtime, or are about to; None: the upstream is none."""
    keeps: Callable[[Settings], Keeps] = lambda _: as_given
    """What the site keeps of a turn, for counting."""
