"""What answers requests: chat here, everything else by Quart; and the one place where errors become answers.

Handlers are given the request and raise `ClientVisibleError`s. Chat requests do not pass through Quart, because routing and
its request and response objects cost more than all that is done to the request here (ADR 22).
"""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from attrs import field, frozen
from quart_trio import QuartTrio

from mix2api.accounts.owners import Owners
from mix2api.clock import Clock
from mix2api.edge.aborting import AbortEndpoint
from mix2api.edge.answers import JSON, error_headers
from mix2api.edge.asgi import answer_of
from mix2api.edge.auth import Authenticator
from mix2api.edge.chat import ChatEndpoint, ChatParts
from mix2api.edge.compaction import compaction_form, opener
from mix2api.edge.continuing import Continuing
from mix2api.edge.conversations.api import ConversationsApi, is_conversations
from mix2api.edge.conversations.envelope import failure
from mix2api.edge.conversations.parts import ApiParts, ConversationParts, conversations_api
from mix2api.edge.cors import Cors
from mix2api.edge.delivery import LiveDeliveries
from mix2api.edge.documents import served_documents
from mix2api.edge.health import HealthEndpoints, HealthSource
from mix2api.edge.input_tokens import INPUT_TOKENS
from mix2api.edge.kept_responses import KEPT, route_of
from mix2api.edge.metrics import MetricsEndpoint, MetricsText, no_metrics
from mix2api.edge.models import ModelEndpoints
from mix2api.edge.options import EdgeOptions
from mix2api.edge.owned_turns import OwnedTurns
from mix2api.edge.refusals import EdgeFault, EdgeObserver, Refusals
from mix2api.edge.request import EdgeRequest
from mix2api.edge.request_head import NotHttp
from mix2api.edge.responses import StoredResponses, responses_form
from mix2api.edge.routes import CHAT_PATHS, COMPACT_PATHS, COUNT_PATHS, RESPONSE_PATHS, quart_app
from mix2api.edge.upstream_bases import OnlyTheConfigured, UpstreamBases
from mix2api.errors import ClientVisibleError, InvalidRequest
from mix2api.identity import Mint
from mix2api.sealing import Seal
from mix2api.sessions.aborting import Aborting
from mix2api.sessions.sites import Sites
from mix2api.sessions.worker_port import Dispatch
from mix2api.store_watch import StoreWatch
from mix2api.vocabulary import Detail, RequestId
from mix2api.wire.error_answer import envelope

_ONCE: Final = frozenset(
    {
        *(b"authorization", b"x-api-key", b"api-key", b"x-upstream-base-url"),
        *(b"x-session-id", b"x-session_id", b"x-persona-id", b"x-persona_id"),
        *(b"x-trace-id", b"x-project-id", b"x-user-id", b"x-access-token"),
    }
)
"""Headers that may not be repeated, beside the session-key header."""
_OK: Final = 200


class Endpoint(Protocol):
    """Answers the requests of one API."""

    async def answer(self, request: EdgeRequest) -> None:
        """Answers one.

        Raises:
            ClientVisibleError: refused, nothing was submitted.
        """
        ...


def _as_it_is(endpoint: ChatEndpoint) -> Endpoint:
    return endpoint


@frozen(kw_only=True)
class EdgeParts:
    """What the edge is built from."""

    options: EdgeOptions
    dispatch: Dispatch
    health: HealthSource
    observer: EdgeObserver
    continuing: Continuing
    sites: Sites
    """The upstream of each model."""
    seal: Seal
    mint: Mint
    clock: Clock
    owners: Owners
    """Who made which response."""
    store: StoreWatch
    """Whether the store answers: what waits for it is cut short otherwise."""
    bases: UpstreamBases = field(factory=OnlyTheConfigured)
    """Which upstreams a request may choose."""
    aborting: Aborting
    """Ends runs, wherever they run."""
    metrics: MetricsText = no_metrics
    """What `GET /metrics` shows."""
    conversations: ConversationParts | None = None
    """None: there is no such API."""
    observed: Callable[[ChatEndpoint], Endpoint] = _as_it_is
    """Puts around each endpoint what observes its requests."""


@frozen(kw_only=True)
class RareEndpoints:
    """Who answers what comes now and then."""

    kept: ChatEndpoint | None
    """Responses that upstreams keep; None where no upstream keeps any."""
    conversations: ConversationsApi | None
    """What is below `/api`; None: there is no such API."""


class EdgeApp:
    """Answers requests, whatever becomes of them.

    Args:
        parts: what it is built from.
        endpoints: path -> the route that it is, and who answers its POST requests.
        other: answers all others.
        refusals: told of requests that end here.
        live: all answers under way.
        rare: answer what comes now and then.
    """

    def __init__(
        self,
        parts: EdgeParts,
        endpoints: Mapping[str, tuple[str, Endpoint]],
        other: QuartTrio,
        refusals: Refusals,
        live: LiveDeliveries,
        rare: RareEndpoints,
    ) -> None:
        options = parts.options
        self._rare = rare
        self._endpoints = endpoints
        self._other = other
        self._refusals = refusals
        self.live = live
        """All answers under way."""
        self.clock = parts.clock
        self.limits = options.connections
        """Of its server's connections."""
        self.body_limit = options.body_limit
        """Bytes of a request's body."""
        self.stall_limit_s = options.stall_limit_s
        """How long a piece of an answer may wait to be taken by its client."""
        self.is_stopping = False
        """Answers that begin are the last of their connections."""
        self._drain_s = options.drain_s
        self._once = _ONCE | {options.session_key_header.lower().encode()}
        self._tell_headers = parts.observer.on_headers if options.log_headers else None
        self._cors = Cors(options.cors_origins) if options.cors_origins else None

    async def answer(self, request: EdgeRequest) -> None:
        """Has a request answered. What its handler raises becomes an answer, too."""
        if self._tell_headers is not None:
            self._tell_headers(request.request_id, _words(request))
        if self._cors is not None and await _is_preflight(request, self._cors):
            return
        try:
            _check_headers(request, self._once)
            if request.method == "POST" and request.path in self._endpoints:
                request.route, endpoint = self._endpoints[request.path]
                await endpoint.answer(request)
            elif (rare := self._rare_endpoint(request)) is not None:
                await rare.answer(request)
            else:
                await self._answer_by_quart(request)
        except Exception as fault:  # the edge's supervisor: a fault of ours is a 500, and told
            if request.line.has_begun:
                raise  # the connection tells of it, and closes
            if isinstance(fault, ClientVisibleError):
                await self._refuse(request, fault)
            else:
                request.end_delivery(Detail.EDGE_LOST)
                await self._refuse(request, self._refusals.broken(fault, request.request_id))

    def _rare_endpoint(self, request: EdgeRequest) -> Endpoint | None:
        """Who answers a request that is neither a chat nor Quart's."""
        if self._rare.kept is not None and (route := route_of(request.method, request.path)) is not None:
            request.route = route
            return self._rare.kept
        return self._rare.conversations if is_conversations(request.path) else None

    async def _answer_by_quart(self, request: EdgeRequest) -> None:
        status, headers, body = await answer_of(self._other, request)
        if request.was_refused:
            await self._drain(request)
        await request.line.answer(status, [("x-request-id", request.request_id), *headers], body)

    async def _refuse(self, request: EdgeRequest, error: ClientVisibleError) -> None:
        self._refusals.refused(request, error)
        error = await self._drain(request) or error
        headers = [("x-request-id", request.request_id), JSON, *error_headers(error)]
        is_rare = self._rare.conversations is not None and is_conversations(request.path)
        body = failure(error) if is_rare else envelope(error.body())
        await request.line.answer(error.status, headers, body)

    async def _drain(self, request: EdgeRequest) -> NotHttp | None:
        """Reads over the body of a refused request; gives what is wrong with its framing."""
        try:
            await request.body.drain(self._drain_s)
        except NotHttp as broken:
            return broken
        return None

    async def report_abandoned(self, request: EdgeRequest, why: Detail | None) -> None:
        """Reports a request that was given up before it was a run, and before it was answered.

        Args:
            request: the request.
            why: its connection was given up; None if it was not.
        """
        delivery = request.delivery
        if delivery is not None:
            cause = delivery.cause
        else:
            # Other routes have no body to wait for: what they ask is answered at once.
            cause = why if request.route is not None and request.method == "POST" else None
        if cause is None or request.was_refused or (delivery is not None and await delivery.was_accepted()):
            return
        self._refusals.abandoned(request, cause)

    def refuse_unread(self, error: ClientVisibleError) -> RequestId:
        """Reports what could not be read (`Refusals.unread`)."""
        return self._refusals.unread(error)

    def tell_fault(self, fault: EdgeFault) -> None:
        """Reports a fault of the server."""
        self._refusals.fault(fault)

    def tell_exhausted(self) -> None:
        """Reports that no file descriptor is left for the next connection."""
        self._refusals.exhausted()


async def _is_preflight(request: EdgeRequest, cors: Cors) -> bool:
    """Answers a browser's preflight; to every other request's answer it adds what lets a page read it."""
    if cors.is_preflight(request.method, request.given):
        told = [("x-request-id", request.request_id), *cors.preflight_headers(request.given)]
        await request.line.answer(_OK, told, b"")
        return True
    request.line.add_headers(cors.headers(request.given))
    return False


def _words(request: EdgeRequest) -> dict[str, str]:
    return {name.decode("latin1"): value.decode("latin1") for name, value in request.given.items()}


def _check_headers(request: EdgeRequest, once: frozenset[bytes]) -> None:
    """Refuses a request that says twice who sent it or which session it means: a proxy may have looked at the other one.

    Raises:
        InvalidRequest: one of these headers is repeated, be it with the same value.
    """
    head = request.head
    if head is None or len(head.given) == len(head.headers):
        return
    names = [name for name, _ in head.headers]
    for name in once:
        if names.count(name) > 1:
            word = name.decode("latin1")
            raise InvalidRequest(
                f"The header `{word}` stands in the request more than once: send it once.",
                param=word,
                code="repeated_header",
            )


def build_app(parts: EdgeParts) -> EdgeApp:
    """The application, ready to be served (`mix2api.edge.server`)."""
    options = parts.options
    refusals = Refusals(options.models, parts.clock, parts.observer, expose_stack=options.expose_stack)
    authenticator = Authenticator(options, parts.seal)
    live = LiveDeliveries(options.keepalive_s, options.check_s)
    chat_parts = ChatParts(
        options=options,
        dispatch=parts.dispatch,
        authenticator=authenticator,
        continuing=parts.continuing,
        sites=parts.sites,
        owned=OwnedTurns(parts.owners, parts.sites),
        bases=parts.bases,
        seal=parts.seal,
        mint=parts.mint,
        clock=parts.clock,
        live=live,
        refusals=refusals,
        observer=parts.observer,
        store=parts.store,
    )
    apis = (
        (CHAT_PATHS, ChatEndpoint(chat_parts)),
        (RESPONSE_PATHS, ChatEndpoint(chat_parts, responses_form(opener(parts.seal)))),
        (COMPACT_PATHS, ChatEndpoint(chat_parts, compaction_form(parts.seal))),
        *([(COUNT_PATHS, ChatEndpoint(chat_parts, INPUT_TOKENS))] if parts.sites.keep_responses else ()),
    )
    endpoints = {
        path: (route, parts.observed(endpoint)) for paths, endpoint in apis for path, route in paths.items()
    }
    health = HealthEndpoints(options, parts.health)
    models = ModelEndpoints(options.models, parts.clock.now_ms() // 1000, authenticator)
    metrics, stored = MetricsEndpoint(options.metrics_token, parts.metrics), StoredResponses(authenticator)
    aborts = AbortEndpoint(authenticator, parts.seal, parts.mint, parts.aborting, bridges=parts.sites.bridge)
    other = quart_app(health, models, metrics, served_documents(), (stored, aborts), refusals)
    kept = ChatEndpoint(chat_parts, KEPT) if parts.sites.keep_responses else None
    api = ApiParts(
        options=options, authenticator=authenticator, seal=parts.seal, mint=parts.mint, clock=parts.clock
    )
    own = parts.conversations
    rare = RareEndpoints(kept=kept, conversations=None if own is None else conversations_api(own, api))
    return EdgeApp(parts, endpoints, other, refusals, live, rare)
