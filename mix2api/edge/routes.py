"""The Quart application: health, models and documents, and what is said to requests without a route."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Never

import msgspec
from quart import Response, request
from quart.routing import QuartRule
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException
from werkzeug.exceptions import MethodNotAllowed as WrongMethod

from mix2api.edge.aborting import AbortEndpoint
from mix2api.edge.answers import error_headers
from mix2api.edge.asgi import EXTENSION
from mix2api.edge.documents import Document
from mix2api.edge.health import HealthEndpoints
from mix2api.edge.metrics import MetricsEndpoint
from mix2api.edge.models import ModelEndpoints
from mix2api.edge.refusals import Refusals
from mix2api.edge.request import EdgeRequest
from mix2api.edge.responses import StoredResponses
from mix2api.errors import ClientVisibleError, MethodNotAllowed, NotFound
from mix2api.wire.error_answer import envelope

_JSON: Final = "application/json"
_METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus's text format."""
_PREFIXES: Final = ("/v1", "", "/v1/v1")
"""Before the routes of OpenAI's API: a client's base URL lacks `/v1` now and then, or has it twice."""
_CHATS: Final = tuple(f"{prefix}/chat/completions" for prefix in _PREFIXES)
CHAT_PATHS: Final = {"/": "/"} | {path + end: path for path in _CHATS for end in ("", "/")}
"""Path -> the route that it is, for POST."""
_RESPONSES: Final = tuple(f"{prefix}/responses" for prefix in _PREFIXES)
RESPONSE_PATHS: Final = {path + end: path for path in _RESPONSES for end in ("", "/")}
"""The same for the Responses API."""
_COMPACTIONS: Final = tuple(f"{path}/compact" for path in _RESPONSES)
COMPACT_PATHS: Final = {path + end: path for path in _COMPACTIONS for end in ("", "/")}
"""The same for its summaries."""
_COUNTS: Final = tuple(f"{path}/input_tokens" for path in _RESPONSES)
COUNT_PATHS: Final = {path + end: path for path in _COUNTS for end in ("", "/")}
"""The same for its counts."""
View = Callable[..., Awaitable[Response]]


class _MatchedRoute(QuartRule):
    """A route that is matched, and of which no URL is ever built (`url_for`).

    For building URLs werkzeug compiles two functions for each route: 23 of the 27 ms that making the application takes.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., Never]:  # noqa: ARG002, FBT001, FBT002
        return _no_url


def _no_url(*_: object, **__: object) -> Never:
    raise TypeError("a route of this API has no URL to build")


def quart_app(
    health: HealthEndpoints,
    models: ModelEndpoints,
    metrics: MetricsEndpoint,
    documents: Mapping[str, Document],
    sessions: tuple[StoredResponses, AbortEndpoint],
    refusals: Refusals,
) -> QuartTrio:
    """The application.

    It also knows the paths of chat and responses, whose POST requests it is not given: other methods there get 405.
    """
    app = QuartTrio("mix2api.edge", static_folder=None)
    app.url_rule_class = _MatchedRoute
    app.url_map.strict_slashes = app.url_map.merge_slashes = False
    documented = {path: _showing(each) for path, each in documents.items()}
    _add_views(app, {**_views(health, models, metrics), **documented})
    stored, aborts = sessions
    _add_responses(app, stored)
    _add_aborts(app, aborts)
    for path in (*_CHATS, *_RESPONSES, *_COMPACTIONS, "/"):
        app.add_url_rule(path, path, methods=["POST"], provide_automatic_options=False)
    _add_error_handlers(app, refusals)
    return app


def _add_views(app: QuartTrio, views: Mapping[str, View]) -> None:
    for path, view in views.items():
        # OPTIONS is answered like any other method that a route does not have.
        app.add_url_rule(path, path, view, methods=["GET"], provide_automatic_options=False)


def _showing(document: Document) -> View:
    async def show() -> Response:
        return Response(document.body, headers=dict(document.headers))

    return show


def _views(health: HealthEndpoints, models: ModelEndpoints, metrics: MetricsEndpoint) -> dict[str, View]:
    async def listing() -> Response:
        return _json(models.listing(_asked()))

    async def one(model_id: str) -> Response:
        return _json(models.one(_asked(), model_id))

    async def summary() -> Response:
        return _json(*health.summary())

    async def live() -> Response:
        return _json(*health.live())

    async def ready() -> Response:
        return _json(*health.ready())

    async def measured() -> Response:
        return Response(await metrics.answer(_asked()), content_type=_METRICS)

    return {
        **{f"{prefix}/models": listing for prefix in _PREFIXES},
        **{f"{prefix}/models/<path:model_id>": one for prefix in _PREFIXES},
        "/health": summary,
        "/health/live": live,
        "/health/ready": ready,
        "/metrics": measured,
    }


def _add_responses(app: QuartTrio, stored: StoredResponses) -> None:
    async def missing(**_: str) -> Response:
        stored.missing(_asked())

    for base in _RESPONSES:
        for path, method in (
            (f"{base}/<response_id>", "GET"),
            (f"{base}/<response_id>", "DELETE"),
            (f"{base}/<response_id>/input_items", "GET"),
            (f"{base}/<response_id>/cancel", "POST"),
            (f"{base}/input_tokens", "POST"),
        ):
            app.add_url_rule(
                path, f"{method} {path}", missing, methods=[method], provide_automatic_options=False
            )


def _add_aborts(app: QuartTrio, aborts: AbortEndpoint) -> None:
    async def abort(session_id: str) -> Response:
        return _json(await aborts.answer(_asked(), session_id))

    for prefix in _PREFIXES:
        path = f"{prefix}/sessions/<session_id>/abort"
        app.add_url_rule(path, f"POST {path}", abort, methods=["POST"], provide_automatic_options=False)


def _add_error_handlers(app: QuartTrio, refusals: Refusals) -> None:
    async def refused(error: ClientVisibleError) -> Response:
        asked = _asked()
        asked.route = request.url_rule.rule if request.url_rule is not None else None
        refusals.refused(asked, error)
        answer = Response(envelope(error.body()), error.status, content_type=_JSON)
        answer.headers.extend(error_headers(error))
        return answer

    async def unrouted(fault: HTTPException) -> Response:
        # Without frames: they refer to the request, which refers to the fault.
        fault.__context__ = None
        fault.with_traceback(None)
        if not isinstance(fault, WrongMethod):
            return await refused(
                NotFound("There is no such route: chat requests go to POST /v1/chat/completions.")
            )
        answer = await refused(
            MethodNotAllowed("This route does not take that method: see the `allow` header.")
        )
        answer.headers["allow"] = ", ".join(sorted(fault.valid_methods or ()))
        return answer

    async def broken(fault: Exception) -> Response:
        return await refused(refusals.broken(fault, _asked().request_id))

    app.register_error_handler(ClientVisibleError, refused)
    app.register_error_handler(HTTPException, unrouted)
    app.register_error_handler(Exception, broken)


def _asked() -> EdgeRequest:
    """The request that Quart answers at the moment."""
    extensions: dict[str, Any] = request.scope["extensions"]
    asked: EdgeRequest = extensions[EXTENSION]
    return asked


def _json(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, content_type=_JSON)
