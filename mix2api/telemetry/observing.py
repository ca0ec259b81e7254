"""Puts an observer around the three ports that a process has: its endpoints, its dispatch and its upstream."""

from attrs import frozen

from mix2api.sessions.worker_port import Dispatch
from mix2api.telemetry.inbound import A, Endpoint, ObservedDispatch, ObservedEndpoint
from mix2api.telemetry.observation import Observer
from mix2api.telemetry.outbound import ObservedUpstream
from mix2api.upstreams.port import Upstream


@frozen
class Observing:
    """One process's."""

    observer: Observer

    def endpoint(self, inner: Endpoint[A]) -> ObservedEndpoint[A]:
        """An endpoint whose requests are observed."""
        return ObservedEndpoint(inner, self.observer)

    def dispatch(self, inner: Dispatch) -> ObservedDispatch:
        """A dispatch whose turns carry the `traceparent` of their request."""
        return ObservedDispatch(inner)

    def upstream(self, inner: Upstream) -> ObservedUpstream:
        """An upstream whose calls are observed."""
        return ObservedUpstream(inner, self.observer)
