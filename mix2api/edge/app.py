"""The Quart application: routes, and the one place where errors become answers.

Handlers are given the request and raise `ClientVisibleError`s. Quart's signals, sessions, before- and after-request
hooks are not used, and its dispatch is overridden so that they cost nothing.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from attrs import field, frozen
from quart import Response
from quart.sessions import NullSession, SessionInterface
from quart.wrappers import BaseRequestWebsocket
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WerkzeugMethodNotAllowed

from mix2api.clock import Clock
from mix2api.edge.answers import error_answer
from mix2api.edge.auth import Authenticator
from mix2api.edge.chat import ChatEndpoint, ChatParts
from mix2api.edge.connection import EdgeRequest
from mix2api.edge.continuing import Continuing
from mix2api.edge.delivery import LiveDeliveries, Patience
from mix2api.edge.health import HealthEndpoints, HealthSource
from mix2api.edge.models import ModelEndpoints
from mix2api.edge.options import EdgeOptions
from mix2api.edge.refusals import EdgeFault, EdgeObserver, Refusals
from mix2api.edge.upstream_bases import OnlyTheConfigured, UpstreamBases
from mix2api.errors import ClientVisibleError, InvalidRequest, MethodNotAllowed, NotFound
from mix2api.identity import Mint
from mix2api.sealing import Seal
from mix2api.sessions.worker_port import Dispatch
from mix2api.store_watch import StoreWatch
from mix2api.vocabulary import Detail, RequestId

_ONCE: Final = frozenset(
    {b"authorization", b"x-api-key", b"x-session-id", b"x-persona-id", b"x-upstream-base-url"}
)
"""Headers that may not be repeated, beside the session-key header."""
_Handler = Callable[..., Awaitable[Response]]


class AdapterError(ClientVisibleError):
    """A fault of ours."""

    code = "adapter_error"


@frozen(kw_only=True)
class EdgeParts:
    """What the edge is built from."""

    options: EdgeOptions
    dispatch: Dispatch
    health: HealthSource
    observer: EdgeObserver
    continuing: Continuing
    seal: Seal
    mint: Mint
    clock: Clock
    store: StoreWatch
    """Whether the store answers: what waits for it is cut short otherwise."""
    bases: UpstreamBases = field(factory=OnlyTheConfigured)
    """Which upstreams a request may choose."""


class _NoSessions(SessionInterface):
    """Quart's cookie sessions, switched off."""

    _none: Final = NullSession()

    async def open_session(self, *_: object) -> NullSession:
        return self._none


class EdgeApp(QuartTrio):
    """Quart, with the request handed to the handlers and every error answered in the envelope."""

    request_class = EdgeRequest
    session_interface: SessionInterface = _NoSessions()  # type: ignore[assignment]  # Quart names its default

    def __init__(self, parts: EdgeParts, refusals: Refusals, live: LiveDeliveries) -> None:
        super().__init__("mix2api.edge", static_folder=None)
        self.config["MAX_CONTENT_LENGTH"] = parts.options.body_limit  # Given to every `LimitedBody`.
        self.config["BODY_TIMEOUT"] = None  # `LimitedBody.read` has the limit.
        self.url_map.strict_slashes = False
        self.url_map.merge_slashes = False
        self.live = live
        """All answers under way."""
        self.limits = parts.options.connections
        """Of its server's connections."""
        self.stall_limit_s = parts.options.stall_limit_s
        """How long an answer that is no delivery may wait to be taken by its client."""
        self._adapter = self.url_map.bind("edge")
        """One for all requests. Quart makes one of every request's `host`, and fails at some: no route here depends on it."""
        self._handlers: dict[str, _Handler] = {}
        self._clock = parts.clock
        self._drain_s = parts.options.drain_s
        self._expose_stack = parts.options.expose_stack
        self._once = _ONCE | {parts.options.session_key_header.lower().encode()}
        self._refusals = refusals

    def route_to(self, path: str, method: str, handler: _Handler) -> None:
        """One route. OPTIONS is answered like any other method that a route does not have."""
        endpoint = f"{method} {path}"
        self._handlers[endpoint] = handler
        self.add_url_rule(path, endpoint, handler, methods=[method], provide_automatic_options=False)

    async def handle_request(self, request: EdgeRequest) -> Response:  # type: ignore[override]
        """Routes, runs the handler and answers what it raises; no request context, for nobody here asks for one."""
        request.started_ms = self._clock.monotonic_ms()
        try:
            self._route(request)
            _check_headers(request, self._once)
            return await self._handle(request)
        except ClientVisibleError as error:
            return await self._refuse(request, error)
        except Exception as fault:  # noqa: BLE001  # the edge's supervisor: a fault of ours is a 500, and told
            request.end_delivery(Detail.EDGE_LOST)
            told = EdgeFault.of(fault, request.request_id)
            self._refusals.fault(told)
            place = f" ({told.exception} at {told.place})" if self._expose_stack else ""
            return await self._refuse(request, AdapterError(f"The adapter failed{place}."))

    def report_abandoned(self, request: EdgeRequest, cause: Detail) -> None:
        """Reports a request that nobody answered (`Refusals.abandoned`)."""
        self._refusals.abandoned(request, cause)

    def refuse_unread(self, error: ClientVisibleError, request: EdgeRequest | None) -> RequestId:
        """Reports what could not be read (`Refusals.unread`)."""
        return self._refusals.unread(error, request)

    def tell_exhausted(self) -> None:
        """Reports that no file descriptor is left for the next connection."""
        self._refusals.exhausted()

    def _route(self, request: EdgeRequest) -> None:
        """Finds the rule of the request's path and method, or why there is none."""
        try:
            rule, found = self._adapter.match(request.path, request.method, return_rule=True)
            request.url_rule, request.view_args = rule, dict(found)  # type: ignore[assignment]  # Quart's own kind
        except HTTPException as fault:
            # Without frames, those of the fault before it included: they refer to the request, which refers to the fault.
            fault.__context__ = None
            request.routing_exception = fault.with_traceback(None)

    async def _handle(self, request: EdgeRequest) -> Response:
        if request.routing_exception is not None:
            raise _routing_error(request)
        return await self._handlers[str(request.endpoint)](request, **(request.view_args or {}))

    async def _refuse(self, request: EdgeRequest, error: ClientVisibleError) -> Response:
        self._refusals.refused(request, error)
        await request.body.drain(self._drain_s)
        allowed = [("allow", ", ".join(_allowed(request)))] if isinstance(error, MethodNotAllowed) else []
        return error_answer(request, error, allowed)


def _check_headers(request: EdgeRequest, once: frozenset[bytes]) -> None:
    """Refuses a request that says twice who sent it or which session it means: a proxy may have looked at the other one.

    Raises:
        InvalidRequest: one of these headers is repeated, be it with the same value.
    """
    names = [name for name, _ in request.scope["headers"]]
    if len(request.given) == len(names):
        return
    for name in once:
        if names.count(name) > 1:
            word = name.decode("latin1")
            raise InvalidRequest(
                f"The header `{word}` stands in the request more than once: send it once.",
                param=word,
                code="repeated_header",
            )


def _routing_error(request: BaseRequestWebsocket) -> ClientVisibleError:
    if isinstance(request.routing_exception, WerkzeugMethodNotAllowed):
        return MethodNotAllowed("This route does not take that method: see the `allow` header.")
    return _no_route()


def _no_route() -> NotFound:
    return NotFound("There is no such route: chat requests go to POST /v1/chat/completions.")


def _allowed(request: EdgeRequest) -> list[str]:
    fault = request.routing_exception
    methods = fault.valid_methods if isinstance(fault, WerkzeugMethodNotAllowed) else None
    return sorted(methods or ())


def build_app(parts: EdgeParts) -> EdgeApp:
    """The application, ready to be served (`mix2api.edge.serving`)."""
    options = parts.options
    refusals = Refusals(options.models, parts.clock, parts.observer)
    authenticator = Authenticator(options, parts.seal)
    live = LiveDeliveries(
        Patience(stall_s=options.stall_limit_s, keepalive_s=options.keepalive_s, check_s=options.check_s)
    )
    app = EdgeApp(parts, refusals, live)
    chat = ChatEndpoint(
        ChatParts(
            options=options,
            dispatch=parts.dispatch,
            authenticator=authenticator,
            continuing=parts.continuing,
            bases=parts.bases,
            mint=parts.mint,
            clock=parts.clock,
            live=live,
            refusals=refusals,
            store=parts.store,
        )
    )
    health = HealthEndpoints(options, parts.health)
    models = ModelEndpoints(options.models, parts.clock.now_ms() // 1000, authenticator)
    app.route_to("/v1/chat/completions", "POST", chat.complete)
    app.route_to("/", "POST", chat.complete)
    app.route_to("/v1/models", "GET", models.listing)
    app.route_to("/v1/models/<path:model_id>", "GET", models.one)
    app.route_to("/health", "GET", health.summary)
    app.route_to("/health/live", "GET", health.live)
    app.route_to("/health/ready", "GET", health.ready)
    return app
