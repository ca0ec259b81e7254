"""Pack C: what goes wrong is said: refusals, failures of the site before and within a stream, silence, a client that leaves.

Data and pure judgement.
"""

from collections.abc import Iterator
from typing import Any, Final

from mix2api.packs.case import Case, Needs, Step, World
from mix2api.packs.evidence import Ask, Ending, Evidence, Key, Place, Seen
from mix2api.packs.judging import failing_stream, refusal, whole

_QUESTION: Final = "Say hello in one short sentence."
_LONG: Final = "Count from one to two hundred, in words."
_PIECES: Final = 3
"""After so many pieces of its stream a client leaves."""
_PACE_MS: Final = 50


def _asking(directive: str = "", said: str = _QUESTION, **fields: Any) -> Step:
    return lambda world, _: world.chat(said, directive, **fields)


def _sending(change: dict[str, Any], *without: str) -> Step:
    def ask(world: World, _: tuple[Seen, ...]) -> Ask:
        body = {"model": world.model, "messages": [{"role": "user", "content": _QUESTION}], **change}
        return Ask(body={name: value for name, value in body.items() if name not in without})

    return ask


def _with_key(key: Key) -> Step:
    def ask(world: World, _: tuple[Seen, ...]) -> Ask:
        return Ask(body=world.chat(_QUESTION).body, key=key)

    return ask


def _wrong(param: str, code: str) -> Any:
    return lambda evidence: refusal(evidence, 400, code=code, param=param)


def _refused(*statuses: int, code: str | None = None) -> Any:
    return lambda evidence: refusal(evidence, *statuses, code=code)


def _broken_json(_: World, __: tuple[Seen, ...]) -> Ask:
    return Ask(body=b'{"model": "m", "messages": [')


def _nowhere(_: World, __: tuple[Seen, ...]) -> Ask:
    return Ask(method="GET", path="/v1/no-such-route")


def _wrong_method(_: World, __: tuple[Seen, ...]) -> Ask:
    return Ask(method="GET")


def _limited(evidence: Evidence) -> Iterator[str]:
    yield from refusal(evidence, 429, code="rate_limit_exceeded")
    if evidence.ours and not evidence.last.headers.get("retry-after", "").isdecimal():
        yield "there is no `retry-after`, though the site gave one"


def _denied(evidence: Evidence) -> Iterator[str]:
    yield from refusal(evidence, 401)
    if evidence.ours and evidence.last.headers.get("www-authenticate", "").lower() != "bearer":
        yield "the answer does not name its scheme (`www-authenticate`)"


def _silent(evidence: Evidence) -> Iterator[str]:
    seen = evidence.last
    if seen.ending is not Ending.WHOLE:
        yield f"a site that never answers is not told of: {seen.ending}"
        return
    yield from refusal(evidence, 504, code="upstream_timeout")


def _silent_stream(evidence: Evidence) -> Iterator[str]:
    if evidence.last.ending is not Ending.WHOLE:
        yield f"a site that falls silent is not told of: {evidence.last.ending}"
        return
    yield from failing_stream(evidence, code="upstream_timeout")


def _leaving(world: World, _: tuple[Seen, ...]) -> Ask:
    # Twice as long as the packs wait for an answer: a stream that ended by itself in time would look as if it was cancelled.
    chunks = round(2 * world.timeout_s * 1000 / _PACE_MS)
    asked = world.chat(_LONG, f"[[chunks:{chunks}]][[pace:{_PACE_MS}]]", stream=True)
    return Ask(body=asked.body, leave_after=_PIECES)


def _left(evidence: Evidence) -> Iterator[str]:
    first, second = evidence.seen[0], evidence.seen[-1]
    if first.ending is not Ending.LEFT:
        yield f"the stream was over before the client could leave: {first.ending}"
    yield from whole(second, ours=evidence.ours)


def _site_is_idle(_: World, __: tuple[Seen, ...]) -> Ask:
    return Ask(place=Place.SITE, method="GET", path="/demo/stats?open_streams=0")


def _cancelled(evidence: Evidence) -> Iterator[str]:
    if evidence.seen[0].ending is not Ending.LEFT:
        yield f"the stream was over before the client could leave: {evidence.seen[0].ending}"
    if evidence.last.ending is not Ending.WHOLE:
        yield "the site's stream goes on though the client has left"


def _named(evidence: Evidence) -> Iterator[str]:
    seen = evidence.last
    yield from whole(seen, ours=False)
    if not seen.headers.get("x-request-id"):
        yield "the answer has no x-request-id"
    elif seen.headers["x-request-id"] != seen.ask.request_id:
        yield "the answer's x-request-id is not the caller's"


FAILURES: Final = (
    Case(
        id="C-json",
        title="a body that is no JSON is refused",
        steps=(_broken_json,),
        judge=_refused(400, code="invalid_json"),
    ),
    Case(
        id="C-messages",
        title="a body without messages is refused by name",
        steps=(_sending({}, "messages"),),
        judge=_wrong("messages", "missing_required_parameter"),
    ),
    Case(
        id="C-empty",
        title="an empty list of messages is refused by name",
        steps=(_sending({"messages": []}),),
        judge=_wrong("messages", "invalid_value"),
    ),
    Case(
        id="C-role",
        title="an unknown role is refused by name",
        steps=(_sending({"messages": [{"role": "robot", "content": "hi"}]}),),
        judge=_wrong("messages[0].role", "invalid_value"),
    ),
    Case(
        id="C-type",
        title="a field of a wrong type is refused by name",
        steps=(_sending({"temperature": "hot"}),),
        judge=_wrong("temperature", "invalid_value"),
    ),
    Case(id="C-key", title="a wrong key is refused", steps=(_with_key(Key.WRONG),), judge=_denied),
    Case(
        id="C-no-key", title="a request without a key is refused", steps=(_with_key(Key.NONE),), judge=_denied
    ),
    Case(
        id="C-route", title="an unknown route is told in the envelope", steps=(_nowhere,), judge=_refused(404)
    ),
    Case(
        id="C-method",
        title="a wrong method is told in the envelope",
        steps=(_wrong_method,),
        judge=_refused(405),
    ),
    Case(
        id="C-site-error",
        title="a failure of the site is a bad gateway",
        steps=(_asking("[[status:500]]"),),
        judge=_refused(502, code="upstream_error"),
        needs=Needs.DEMO,
    ),
    Case(
        id="C-site-limit",
        title="a limit of the site is passed on with its time",
        steps=(_asking("[[429:1]]"),),
        judge=_limited,
        needs=Needs.DEMO,
    ),
    Case(
        id="C-context",
        title="a conversation that is too long for the model is told as such",
        steps=(_asking("[[json_error:maximum context length exceeded]]"),),
        judge=_refused(400, code="context_length_exceeded"),
        needs=Needs.DEMO,
    ),
    Case(
        id="C-before",
        title="a stream that fails before its first delta is an HTTP error",
        steps=(_asking("[[error_before:gone]]", stream=True),),
        judge=_refused(502, code="upstream_error"),
        needs=Needs.DEMO,
    ),
    Case(
        id="C-within",
        title="a stream that fails in the middle says so and ends with [DONE]",
        steps=(_asking("[[chunks:4]][[error_mid:gone]]", stream=True),),
        judge=lambda evidence: failing_stream(evidence, code="upstream_error"),
        needs=Needs.DEMO,
    ),
    Case(
        id="C-cut",
        title="a stream that the site cuts is never taken for a success",
        steps=(_asking("[[chunks:4]][[cut:close]]", stream=True),),
        judge=lambda evidence: failing_stream(evidence, code="upstream_error"),
        needs=Needs.DEMO,
    ),
    Case(
        id="C-cut-whole",
        title="an answer that the site cuts is an HTTP error, if it was to be whole",
        steps=(_asking("[[chunks:4]][[cut:close]]"),),
        judge=_refused(502, code="upstream_error"),
        needs=Needs.DEMO,
    ),
    Case(
        id="C-timeout",
        title="a site that never answers ends in a timeout",
        steps=(_asking("[[hang]]"),),
        judge=_silent,
        needs=Needs.DEMO,
    ),
    Case(
        id="C-silence",
        title="a site that falls silent in a stream ends in a timeout",
        steps=(_asking("[[chunks:4]][[silence:600000]]", stream=True),),
        judge=_silent_stream,
        needs=Needs.DEMO,
    ),
    Case(
        id="C-cancel",
        title="after a client has left, the next request is answered",
        steps=(_leaving, _asking()),
        judge=_left,
    ),
    Case(
        id="C-release",
        title="a client that leaves ends the site's stream, too",
        steps=(_leaving, _site_is_idle),
        judge=_cancelled,
        needs=Needs.SITE,
    ),
    Case(
        id="C-request-id",
        title="the caller's request id comes back",
        steps=(_asking(),),
        judge=_named,
        ours_only=True,
    ),
)
