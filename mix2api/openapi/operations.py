"""The routes of the edge, as rows: what each takes, and what it answers with which status.

A test compares the rows with the routes that the edge has, and the headers with those that its answers bear.
"""

from typing import Final

from attrs import field, frozen

from mix2api.openapi.request_schemas import CHAT_REQUEST

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
METRICS: Final = "text/plain; version=0.0.4; charset=utf-8"
PAGE: Final = "text/html; charset=utf-8"
CHAT_PATH: Final = "/v1/chat/completions"

EVERY_ANSWER: Final = {
    "x-request-id": "The caller's own id if it is acceptable (1 to 128 of `[A-Za-z0-9._:-]`), else a new one."
}
"""Header -> its meaning, of every answer."""
RUN_HEADERS: Final = {
    "x-mix2api-run-id": "Our id of the run that answered.",
    "x-session-id": "Our id of the conversation; absent where the headers left before the session was known.",
    "x-mix2api-session": "Whether the session is fresh or continued, and why.",
    "x-mix2api-budget": "Input tokens of the session with this turn, and what it may have: `used/available; trimmed=N`.",
    "x-mix2api-account": "The upstream account that served the run; only where the operator shows it.",
    "x-trace-id": "The trace of a run in a runtime: the request's own, or a new one. `x-session-id` is the client session's then.",
    "x-mix2api-withheld": "How much of the request the site was not given; absent where it got everything.",
}
"""Of answers to chat requests that became a run."""
CACHING_HEADERS: Final = {
    "cache-control": "`no-cache`, for streams.",
    "x-accel-buffering": "`no`, for streams: nginx passes every piece on at once.",
}
RETRY_AFTER: Final = {"retry-after": "Seconds until another attempt makes sense."}
CHALLENGE: Final = {"www-authenticate": "`Bearer`."}
ALLOW: Final = {"allow": "The methods that the route has."}


@frozen(kw_only=True)
class Parameter:
    """A header or a part of the path."""

    name: str
    place: str
    """`header` or `path`."""
    meaning: str
    max_length: int | None = None


@frozen(kw_only=True)
class Answer:
    """One status of a route."""

    meaning: str
    media: dict[str, str] = field(factory=dict)
    """Media type -> the schema's name; an event stream's is that of its events."""
    headers: dict[str, str] = field(factory=dict)
    """Header -> its meaning, beside `EVERY_ANSWER`."""


@frozen(kw_only=True)
class Operation:
    """One method of one route."""

    path: str
    method: str
    operation_id: str
    summary: str
    text: str = ""
    needs_key: bool = False
    aliases: tuple[str, ...] = ()
    """Paths that are the same route: base URLs without `/v1`, or with it twice."""
    parameters: tuple[Parameter, ...] = ()
    request: str | None = None
    """The schema's name of the body."""
    answers: dict[int, Answer] = field(factory=dict)
    failures: tuple[int, ...] = ()
    """Statuses with the error envelope, beside those that every chat request may get."""


_CHAT_PARAMETERS: Final = (
    Parameter(
        name="x-request-id", place="header", meaning="The caller's id of this request, for correlation."
    ),
    Parameter(
        name="x-session-id",
        place="header",
        meaning="One of our session ids continues that session; `new` forces a fresh one.",
    ),
    Parameter(
        name="x-session-key",
        place="header",
        meaning="A name for the session, inside the caller's credential. `SESSION_KEY_HEADER` renames it.",
    ),
    Parameter(
        name="x-client", place="header", meaning="The client family, if the user agent does not tell it."
    ),
    Parameter(name="x-persona-id", place="header", meaning="Wins over the body's `persona_id`."),
    Parameter(
        name="x-upstream-base-url",
        place="header",
        meaning="Chooses the upstream, where `UPSTREAM_DYNAMIC_BASE_ENABLED` allows it; refused elsewhere.",
        max_length=2048,
    ),
)
_CHAT_ANSWER: Final = Answer(
    meaning="The answer. With `stream` it comes as events: `data:` lines with one chunk each, comments in long "
    "silences, and `data: [DONE]` at the end. A stream that fails ends with an error event, a last chunk whose "
    "`finish_reason` is `error`, and `[DONE]`.",
    media={JSON: "ChatCompletion", EVENTS: "ChatCompletionChunk"},
    headers={**RUN_HEADERS, **CACHING_HEADERS},
)


def _chat(path: str, operation_id: str, summary: str, *aliases: str) -> Operation:
    return Operation(
        path=path,
        method="post",
        operation_id=operation_id,
        summary=summary,
        text="Fields that are not listed are ignored. `null` means the same as an absent field.",
        needs_key=True,
        aliases=aliases,
        parameters=_CHAT_PARAMETERS,
        request=CHAT_REQUEST,
        answers={200: _CHAT_ANSWER},
    )


def _of_responses(path: str) -> tuple[str, ...]:
    """The same route below base URLs without `/v1`, or with it twice."""
    return path, f"/v1/v1{path}"


def _not_stored(path: str, method: str, operation_id: str, summary: str) -> Operation:
    is_one = "{response_id}" in path
    return Operation(
        path=f"/v1{path}",
        method=method,
        operation_id=operation_id,
        summary=summary,
        text="Passed to the account that made the response, where its upstream is of kind `responses`; else 404 `response_not_stored`.",
        needs_key=True,
        aliases=_of_responses(path),
        parameters=(Parameter(name="response_id", place="path", meaning="A response's id."),)
        if is_one
        else (),
        failures=(404,),
    )


_RESPONSE_ANSWER: Final = Answer(
    meaning="The response. With `stream` it comes as the API's events, then `data: [DONE]`. A stream that fails ends "
    "with `response.failed`.",
    media={JSON: "Response", EVENTS: "ResponseEvent"},
    headers={**RUN_HEADERS, **CACHING_HEADERS},
)
_ONE_RESPONSE: Final = "/responses/{response_id}"
_RESPONSES: Final = (
    Operation(
        path="/v1/responses",
        method="post",
        operation_id="createResponse",
        summary="Answer a conversation, in the Responses API's form",
        text="Fields that are not listed are ignored.",
        needs_key=True,
        aliases=_of_responses("/responses"),
        parameters=_CHAT_PARAMETERS,
        request="ResponsesRequest",
        answers={200: _RESPONSE_ANSWER},
    ),
    Operation(
        path="/v1/responses/compact",
        method="post",
        operation_id="compactResponse",
        summary="Sum up a conversation in an item that stands for it",
        needs_key=True,
        aliases=_of_responses("/responses/compact"),
        parameters=_CHAT_PARAMETERS,
        request="ResponsesRequest",
        answers={
            200: Answer(meaning="The summary, sealed.", media={JSON: "Compaction"}, headers=RUN_HEADERS)
        },
    ),
    _not_stored(_ONE_RESPONSE, "get", "getResponse", "Show a response"),
    _not_stored(_ONE_RESPONSE, "delete", "deleteResponse", "Delete a response"),
    _not_stored(f"{_ONE_RESPONSE}/input_items", "get", "listInputItems", "List a response's input"),
    _not_stored(f"{_ONE_RESPONSE}/cancel", "post", "cancelResponse", "Cancel a response"),
    Operation(
        path="/v1/responses/input_tokens",
        method="post",
        operation_id="countInputTokens",
        summary="Count a request's tokens",
        text="The body is that of `POST /v1/responses`. The upstream counts, so it has to speak the Responses API; "
        "elsewhere the answer is 404 `response_not_stored`.",
        needs_key=True,
        aliases=_of_responses("/responses/input_tokens"),
        answers={
            200: Answer(
                meaning="The count, as the upstream told it.",
                media={JSON: "InputTokens"},
                headers=RUN_HEADERS,
            )
        },
        failures=(404,),
    ),
)

OPERATIONS: Final = (
    _chat(
        CHAT_PATH,
        "createChatCompletion",
        "Answer a conversation",
        "/chat/completions",
        "/v1/v1/chat/completions",
    ),
    _chat("/", "createChatCompletionAtRoot", "The same as POST /v1/chat/completions"),
    *_RESPONSES,
    Operation(
        path="/v1/sessions/{session_id}/abort",
        method="post",
        operation_id="abortSession",
        summary="End the run of a session",
        text="The id is one of ours, or a client session's of a runtime: then with the same `x-user-id` and `x-project-id`.",
        needs_key=True,
        aliases=("/sessions/{session_id}/abort", "/v1/v1/sessions/{session_id}/abort"),
        parameters=(Parameter(name="session_id", place="path", meaning="A session's id."),),
        answers={200: Answer(meaning="The run that was ended, or `null`.", media={JSON: "AbortedRun"})},
        failures=(404,),
    ),
    Operation(
        path="/v1/models",
        method="get",
        operation_id="listModels",
        summary="List the configured models",
        text="Other models are accepted, too.",
        needs_key=True,
        aliases=("/models", "/v1/v1/models"),
        answers={200: Answer(meaning="The models.", media={JSON: "ModelList"})},
    ),
    Operation(
        path="/v1/models/{model}",
        method="get",
        operation_id="getModel",
        summary="Show one model",
        needs_key=True,
        aliases=("/models/{model}", "/v1/v1/models/{model}"),
        parameters=(
            Parameter(name="model", place="path", meaning="The model's id, which may have slashes."),
        ),
        answers={200: Answer(meaning="The model.", media={JSON: "Model"})},
        failures=(404,),
    ),
    Operation(
        path="/health",
        method="get",
        operation_id="getHealth",
        summary="Tell what works and what does not",
        answers={
            200: Answer(meaning="All works.", media={JSON: "Health"}),
            503: Answer(meaning="`failing` names the parts that do not.", media={JSON: "Health"}),
        },
    ),
    Operation(
        path="/health/live",
        method="get",
        operation_id="getLiveness",
        summary="Tell whether the process answers at all",
        answers={200: Answer(meaning="It does.", media={JSON: "Liveness"})},
    ),
    Operation(
        path="/health/ready",
        method="get",
        operation_id="getReadiness",
        summary="Tell whether new requests may come",
        answers={
            200: Answer(meaning="They may.", media={JSON: "Readiness"}),
            503: Answer(meaning="Send them elsewhere.", media={JSON: "Readiness"}),
        },
    ),
    Operation(
        path="/metrics",
        method="get",
        operation_id="getMetrics",
        summary="Show the process's metrics to Prometheus",
        text="Needs the bearer of `MIX2API_METRICS_TOKEN`. Without that setting there is no such route.",
        needs_key=True,
        answers={200: Answer(meaning="Prometheus's text format.", media={METRICS: ""})},
        failures=(404,),
    ),
    Operation(
        path="/openapi.json",
        method="get",
        operation_id="getDocument",
        summary="This document",
        answers={200: Answer(meaning="OpenAPI 3.0.3.", media={JSON: ""})},
    ),
    Operation(
        path="/docs",
        method="get",
        operation_id="getDocumentPage",
        summary="This document as a page",
        answers={200: Answer(meaning="HTML without scripts.", media={PAGE: ""})},
    ),
)
"""An answer without a schema's name is an object (JSON) or a text."""

MEANINGS: Final[dict[int, str]] = {
    400: "The request cannot be honoured as it is: `param` names the field.",
    401: "There is no credential, or not one of ours.",
    404: "There is no such object.",
    408: "The body did not come in time.",
    409: "A newer request took this one's place.",
    413: "The body is too large.",
    415: "The body is not JSON by its own declaration.",
    422: "The site refused the request.",
    429: "Too much came at once, here or at the site.",
    431: "The request's head is too long.",
    500: "A fault of ours.",
    501: "The body is framed in a way that is not served.",
    502: "The site failed.",
    503: "This server or the site is at its limit, or the event log cannot be reached.",
    504: "The site took too long.",
    505: "The version of HTTP is not served.",
}
"""Status -> what it means, for every status with the error envelope."""
