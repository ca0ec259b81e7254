"""What breaks a client is found, and what does not is none."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import msgspec
import pytest

from mix2api.openapi.breaking import breaking_changes
from mix2api.openapi.document import openapi_json
from mix2api.openapi.recorded import recorded_examples
from mix2api.openapi.released import released_document

NOW: dict[str, Any] = msgspec.json.decode(openapi_json(recorded_examples()))
Change = Callable[[dict[str, Any]], object]
CHAT = "/v1/chat/completions"


def _chat(document: dict[str, Any]) -> Any:
    return document["paths"][CHAT]["post"]


def _schema(document: dict[str, Any], name: str) -> Any:
    return document["components"]["schemas"][name]


def _field(document: dict[str, Any], schema: str, name: str) -> Any:
    return _schema(document, schema)["properties"][name]


def test_a_document_does_not_break_itself() -> None:
    assert breaking_changes(NOW, deepcopy(NOW)) == ()


def test_this_build_breaks_nothing_of_the_last_release() -> None:
    assert breaking_changes(released_document(), NOW) == ()


BREAKING: dict[str, tuple[Change, str]] = {
    "a route": (lambda new: new["paths"].pop("/health"), "/health: the route is gone"),
    "a method": (lambda new: new["paths"][CHAT].pop("post"), f"POST {CHAT}: the method is gone"),
    "an alias": (
        lambda new: _chat(new)["x-mix2api-aliases"].remove("/chat/completions"),
        "other path /chat/completions is gone",
    ),
    "a key": (
        lambda new: new["paths"]["/health"]["get"].update(security=[{"bearer": []}]),
        "a key is newly required",
    ),
    "a header of the request": (
        lambda new: _chat(new).update(parameters=_chat(new)["parameters"][1:]),
        "the parameter x-request-id is gone",
    ),
    "a header that must be": (
        lambda new: _chat(new)["parameters"][0].update(required=True),
        "the parameter x-request-id is newly required",
    ),
    "a longer header": (
        lambda new: _chat(new)["parameters"][0]["schema"].update(maxLength=5),
        "x-request-id: maxLength is narrower",
    ),
    "a media type": (
        lambda new: _chat(new)["responses"]["200"]["content"].pop("text/event-stream"),
        "the media type text/event-stream is gone",
    ),
    "a status": (lambda new: _chat(new)["responses"].pop("429"), "429: the status is gone"),
    "a header of the answer": (
        lambda new: _chat(new)["responses"]["200"]["headers"].pop("x-session-id"),
        "the header x-session-id is gone",
    ),
    "a field of the request": (
        lambda new: _schema(new, "ChatCompletionRequest")["properties"].pop("seed"),
        ".seed: the field is gone",
    ),
    "a field that must be": (
        lambda new: _schema(new, "ChatCompletionRequest")["required"].append("user"),
        ".user: the field is newly required",
    ),
    "null": (
        lambda new: _field(new, "ChatCompletionRequest", "seed").pop("nullable"),
        ".seed: null is refused now",
    ),
    "a type": (
        lambda new: _field(new, "ChatCompletionRequest", "seed").update(type="string"),
        ".seed: the type",
    ),
    "a bound": (
        lambda new: _field(new, "ChatCompletionRequest", "temperature").update(maximum=1),
        ".temperature: maximum is narrower",
    ),
    "a smallest value": (
        lambda new: _field(new, "ChatCompletionRequest", "temperature").update(minimum=0.5),
        ".temperature: minimum is narrower",
    ),
    "a role": (
        lambda new: _field(new, "ChatMessage", "role")["enum"].remove("developer"),
        "messages[].role: a word of the list is refused now",
    ),
    "a form of a field": (
        lambda new: _field(new, "ChatMessage", "content")["anyOf"].pop(1),
        "messages[].content: the types are not those of before",
    ),
    "a field of the answer": (
        lambda new: _schema(new, "ChatCompletion")["properties"].pop("usage"),
        " 200.usage: the field is gone",
    ),
    "a field that is not certain": (
        lambda new: _schema(new, "ChatCompletion")["required"].remove("usage"),
        " 200.usage: the field is no longer certain",
    ),
    "an answer that may be null": (
        lambda new: _field(new, "ChatCompletion", "model").update(nullable=True),
        " 200.model: null is new",
    ),
    "a field of a stream's event": (
        lambda new: _schema(new, "ChatCompletionChunk")["properties"].pop("created"),
        "event.created: the field is gone",
    ),
}


@pytest.mark.parametrize("name", BREAKING)
def test_what_is_removed_or_newly_required_is_found(name: str) -> None:
    change, told = BREAKING[name]
    new = deepcopy(NOW)
    change(new)
    assert any(told in each for each in breaking_changes(NOW, new)), breaking_changes(NOW, new)


def test_a_body_that_must_be_is_found() -> None:
    old = deepcopy(NOW)
    _chat(old)["requestBody"]["required"] = False
    assert breaking_changes(old, NOW) == (f"POST {CHAT}: a body is newly required",)


HARMLESS: dict[str, Change] = {
    "a route": lambda new: new["paths"].update({"/new": {"get": {"responses": {}}}}),
    "an optional field": lambda new: _schema(new, "ChatCompletionRequest")["properties"].update(
        new={"type": "string"}
    ),
    "a field of the answer": lambda new: _schema(new, "ChatCompletion")["properties"].update(
        new={"type": "string"}
    ),
    "a wider bound": lambda new: _field(new, "ChatCompletionRequest", "temperature").update(maximum=5),
    "no bound": lambda new: _field(new, "ChatCompletionRequest", "temperature").pop("maximum"),
    "any type": lambda new: _schema(new, "ChatCompletionRequest")["properties"].update(user={}),
    "a finish reason": lambda new: _field(new, "ChatCompletion", "object")["enum"].append("other"),
    "a role": lambda new: _field(new, "ChatMessage", "role")["enum"].append("robot"),
    "a further form": lambda new: _field(new, "ChatMessage", "content")["anyOf"].append({"type": "object"}),
    "a key that is not needed": lambda new: new["paths"]["/v1/models"]["get"].update(security=[]),
    "a word": lambda new: new["info"].update(description="other"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_added_or_allowed_is_no_break(name: str) -> None:
    new = deepcopy(NOW)
    HARMLESS[name](new)
    assert breaking_changes(NOW, new) == ()
