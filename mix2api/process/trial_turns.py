"""Short turns that show whether the upstream takes the deployment's credential, and whether a proxy holds streams back.

The site may charge such a turn. No other call shows whether it takes a credential.
"""

from typing import Final

import msgspec
import trio
from attrs import evolve

from mix2api.clock import SystemClock
from mix2api.identity import Mint
from mix2api.model_prefixes import ByPrefix
from mix2api.packs.asking import Asking, Target
from mix2api.packs.evidence import Ask, Ending, Seen
from mix2api.process.findings import Finding, Grade, Part
from mix2api.process.named_upstreams import named_upstreams, with_models
from mix2api.process.upstream import configured_upstream
from mix2api.redaction import redact_text
from mix2api.settings import Settings, UpstreamAuthMode
from mix2api.store.store import Store
from mix2api.upstreams.http.connection import Dialer
from mix2api.upstreams.http.origin import split_url
from mix2api.upstreams.kinds import kind_of
from mix2api.upstreams.port import AbortedByUpstream, Failed, Finished, Upstream, UpstreamCall, UpstreamFault
from mix2api.upstreams.surroundings import Surroundings
from mix2api.vocabulary import Detail, EndReason
from mix2api.wire.chat_request import decode_chat_request

_TURN_S: Final = 60.0
"""For a turn of one word: sites that think first need half a minute. The settings may allow a turn hours."""
_CONNECT_S: Final = 10.0
"""As `MIX2API_UPSTREAM_CONNECT_TIMEOUT_MS` ships."""
_PROMPT: Final = "Say: hello."
_LONG_PROMPT: Final = "Count from 1 to 60, one number a line, nothing else."
"""Its answer takes sites a second or more, so that a proxy that holds it back can be told from one that does not."""
_SHORTEST_MS: Final = 300
"""Of an answer. A shorter one may arrive in one piece without anybody holding it back."""
_PASSED_ON: Final = 0.5
"""A client sees about the whole time between an answer's first token and its end. A proxy that buffers leaves nothing of it;
one that flushes every few kilobytes leaves a small part."""


async def try_upstreams(settings: Settings, store: Store, model: str, *, turn: bool) -> list[Finding]:
    """Tries each upstream of a deployment. Those of a file are named in what is found.

    Args:
        settings: of the deployment.
        store: its vault has a managed credential's token.
        model: of the turns. An upstream of a file that does not serve it is asked for a listed model that it serves.
        turn: whether turns may be put.

    Raises:
        ConfigurationError: the file, or a credential that it names, is missing or wrong.
    """
    if settings.site.upstreams_file is None:
        return [await try_upstream(settings, store, model, turn=turn)]
    upstreams = named_upstreams(settings)
    listed = with_models(settings, upstreams).listening.models
    served_by, found = ByPrefix({one.prefix: one for one in upstreams}), []
    for one in upstreams:
        own = next((name for name in (model, *listed) if served_by.of(name) is one), "")
        asked = own.removeprefix(one.prefix) if one.strips_prefix else own
        finding = await try_upstream(one.settings, store, asked, turn=turn)
        found.append(evolve(finding, says=f"{one.name}: {finding.says}"))
    return found


async def try_upstream(settings: Settings, store: Store, model: str, *, turn: bool) -> Finding:
    """Connects to the site and, where the deployment has a credential of its own, puts one short turn.

    Args:
        settings: which upstream.
        store: its vault has a managed credential's token.
        model: the turn's; empty: none is known.
        turn: whether a turn may be put.
    """
    is_runtime = kind_of(settings).bridges
    if is_runtime and settings.opencode.command is not None:
        return await _started(settings, store, model, turn=turn)
    base = settings.opencode.url if is_runtime else settings.site.api_base
    if base is None:
        name = "OPENCODE_URL" if is_runtime else "UPSTREAM_API_BASE"
        return Finding(
            Grade.WARNING, Part.UPSTREAM, f"{name} is not set: a worker needs it, an edge does not"
        )
    try:
        with trio.fail_after(_CONNECT_S):
            (await Dialer(settings.network.ca_file).dial(split_url(base)[0])).close()
    except UpstreamFault as fault:
        return _of_fault(fault.end_reason, fault.detail, fault.message)
    except trio.TooSlowError:
        return _of_fault(EndReason.TIMEOUT, Detail.CONNECT, "")
    left_out = _without_turn(settings, model, turn=turn)
    if left_out:
        return Finding(
            Grade.WARNING, Part.UPSTREAM, f"it can be reached; its credential was not tried: {left_out}"
        )
    return await _with_credential(settings, store, model)


async def _started(settings: Settings, store: Store, model: str, *, turn: bool) -> Finding:
    """Tries a runtime that is not there yet: a turn starts it, and its end ends it."""
    left_out = _without_turn(settings, model, turn=turn)
    if left_out:
        return Finding(Grade.WARNING, Part.UPSTREAM, f"the runtime was not started: {left_out}")
    return await _with_credential(settings, store, model)


def _without_turn(settings: Settings, model: str, *, turn: bool) -> str:
    """Why no turn is put; empty if one is."""
    if not turn:
        return "--no-turn"
    if settings.upstream_auth.mode is UpstreamAuthMode.PASS_THROUGH:
        return "callers bring their own (UPSTREAM_AUTH_MODE=pass_through)"
    if settings.pool.file is not None:
        return "accounts have their own (`mix2api accounts list` shows their states)"
    if not model:
        return "no model of it is listed (`models` in the file of upstreams): name one with --model"
    return ""


async def _with_credential(settings: Settings, store: Store, model: str) -> Finding:
    clock = SystemClock()
    surroundings = Surroundings(clock=clock, process=store.process)
    with configured_upstream(settings, store.vault, store.seal, surroundings, lambda _: None) as configured:
        async with trio.open_nursery() as nursery:
            if configured.credential is not None:
                nursery.start_soon(configured.credential.keep)
            if configured.keep is not None:
                nursery.start_soon(configured.keep)
            finding = await _tried(configured.upstream, Mint(store.seal, clock), model)
            nursery.cancel_scope.cancel()
    return finding


async def _tried(upstream: Upstream, mint: Mint, model: str) -> Finding:
    try:
        with trio.fail_after(_TURN_S):
            return await _put_turn(upstream, mint, model)
    except UpstreamFault as fault:
        return _of_fault(fault.end_reason, fault.detail, fault.message)
    except trio.TooSlowError:
        return _of_fault(EndReason.TIMEOUT, Detail.TOTAL, "")


async def _put_turn(upstream: Upstream, mint: Mint, model: str) -> Finding:
    asked = {"model": model, "messages": [{"role": "user", "content": _PROMPT}], "stream": True}
    turn = decode_chat_request(msgspec.json.encode(asked))
    call = UpstreamCall(run_id=mint.run_id(), request_id=mint.request_id(), turn=turn, messages=turn.messages)
    async with upstream.open(call) as stream:
        async for events in stream:
            for event in events:
                match event:
                    case Finished():
                        return Finding(Grade.OK, Part.UPSTREAM, f"a turn of {model} finished")
                    case Failed():
                        return _of_fault(EndReason.UPSTREAM_ERROR, event.detail, event.message)
                    case AbortedByUpstream():
                        return _of_fault(EndReason.UPSTREAM_ERROR, Detail.ABORTED, "")
                    case _:
                        pass
    return _of_fault(EndReason.UPSTREAM_ERROR, Detail.TRUNCATED, "the answer ended without a finish")


def _of_fault(reason: EndReason, detail: Detail, message: str) -> Finding:
    if reason is EndReason.UPSTREAM_AUTH_ERROR:
        fix = (
            "correct the credential (UPSTREAM_BEARER_TOKEN, UPSTREAM_TOKEN_URL and its fields, "
            "or `credential` in the file of upstreams)"
        )
    elif detail is Detail.CONNECT_FAILED or reason is EndReason.TIMEOUT:
        fix = "correct UPSTREAM_API_BASE (`base_url` in the file of upstreams), or let this machine reach it"
    else:
        fix = "name a model that the site has with --model, or see docs/log-line.md for this detail"
    quoted = f" ({redact_text(message)})" if message else ""
    return _problem(f"{reason}/{detail}{quoted}: {fix}")


def _problem(says: str) -> Finding:
    return Finding(Grade.PROBLEM, Part.UPSTREAM, says)


async def try_public_url(store: Store, url: str, api_key: str, model: str) -> Finding:
    """Puts a longer turn to the deployment from outside, and compares when its pieces came with what the log says.

    Args:
        store: has the log of the deployment behind the URL.
        url: with or without `/v1` at its end.
        api_key: of a caller; empty: none is sent.
        model: the turn's.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    mint = Mint(store.seal, SystemClock())
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": _LONG_PROMPT}]}
    request_id = mint.request_id()
    ask = Ask(body=body, request_id=request_id)
    asking = Asking(Target(base_url=url, api_key=api_key, timeout_s=_TURN_S))
    try:
        seen = await asking.see(ask)
    finally:
        asking.close()
    if seen.ending is not Ending.WHOLE or not seen.is_stream or seen.error is not None:
        says = f"no whole answer came ({seen.summary()}): correct the URL, the proxy's timeouts or the key"
        return Finding(Grade.PROBLEM, Part.PUBLIC_URL, says)
    file = await store.files.read(request_id)
    end = file.runs[-1].end if file.runs else None
    if end is None or end.first_token_ms is None:
        says = (
            "an answer came, and this deployment's log does not know the request: let the URL lead to this deployment, "
            "and let the proxy pass x-request-id on"
        )
        return Finding(Grade.PROBLEM, Part.PUBLIC_URL, says)
    return judged(seen, end.total_ms - end.first_token_ms)


def judged(seen: Seen, said_ms: int) -> Finding:
    """Whether a proxy holds streams back.

    Args:
        seen: what came.
        said_ms: from the answer's first token to its end, as the worker saw it.
    """
    part = Part.PUBLIC_URL
    if said_ms < _SHORTEST_MS:
        says = f"the answer took {said_ms} ms, too short to see whether a proxy holds streams back: name a slower --model"
        return Finding(Grade.WARNING, part, says)
    came_ms = seen.pieces_ms[-1] - seen.pieces_ms[0]
    if came_ms < said_ms * _PASSED_ON:
        says = (
            f"a proxy holds streams back: an answer of {said_ms} ms came within {came_ms} ms. Switch its buffering and "
            "compression off for text/event-stream (nginx: proxy_buffering off, gzip off)"
        )
        return Finding(Grade.PROBLEM, part, says)
    return Finding(Grade.OK, part, f"streams pass: an answer of {said_ms} ms came within {came_ms} ms")
