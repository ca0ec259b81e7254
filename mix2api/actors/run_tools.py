"""What of a turn and its session decides about the calls of one run: the rules, the ids, the way back to the site's ids."""

from collections.abc import Callable, Container, Mapping
from functools import partial
from typing import Final

from mix2api.actors.environment import ActorOptions, Environment
from mix2api.actors.logged_calls import CALL_ID, by_id, by_place
from mix2api.actors.told_tools import ToldReader
from mix2api.actors.tool_calls import TOOL_NAME, CallRules
from mix2api.actors.translation import Translation
from mix2api.sealing import Seal
from mix2api.sessions.prepared_turn import PreparedTurn
from mix2api.sessions.state import SessionState
from mix2api.sessions.worker_port import Submission
from mix2api.tools.apologies import apologies_for
from mix2api.tools.ids import CallIds
from mix2api.tools.results import result_key
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.pieces import CallReader
from mix2api.tools.text.recognition import Reading, Recogniser
from mix2api.tools.text.stopped_text import StoppedText
from mix2api.tools.text.thoughts import LeadingThought
from mix2api.vocabulary import Digest
from mix2api.wire.stop_sequences import stops_of
from mix2api.wire.turn import FunctionCall, Message, Turn

_JSON_FORMATS: Final = frozenset({"json_object", "json_schema"})
"""Types of `response_format` that ask for JSON (OpenAI API reference, "Create chat completion")."""


def translation_of(
    submission: Submission, state: SessionState, environment: Environment, at_ms: Callable[[], int]
) -> Translation:
    """The translation of a run's answer, by what its turn offers and what its conversation has seen.

    What may be called is found out when the site makes a call: most answers have none.

    Args:
        submission: the turn.
        state: its session before it.
        environment: ports and limits.
        at_ms: milliseconds since the run began.
    """
    reader = reader_of(submission.prepared, environment.options)
    if reader is not None and environment.on_call_read is not None:
        reader = ToldReader(reader, submission.request_id, environment.on_call_read)
    return Translation(
        submission.run_id,
        environment.seal,
        partial(call_rules, submission, state, environment),  # a third of a closure, in every held stream
        at_ms,
        reader,
        environment.options.answer_bytes,
    )


def call_rules(submission: Submission, state: SessionState, environment: Environment) -> CallRules:
    """What the calls of a run's answer may be."""
    turn, offer = submission.turn, submission.prepared.offer
    return CallRules(
        callable_names=offer.callable_names,
        ids=_call_ids(submission.prepared.names, state, environment),
        single=offer.single,
        streamed=turn.stream,
        place=_place_of(submission, environment.seal) if turn.legacy_functions else None,
        apologies=apologies_for(turn.messages),
    )


def none_in_text(_: str) -> bool:
    """For `ActorOptions.tools_in_text`: all sites have native tools."""
    return False


def all_in_text(_: str) -> bool:
    """For `ActorOptions.tools_in_text`: no site has native tools."""
    return True


def reader_of(prepared: PreparedTurn, options: ActorOptions) -> CallReader | None:
    """A reader of calls, thought and stop sequences for an answer; None where its text is the answer as it comes.

    A site without native tools sees calls in the history that it is given, and then writes some itself, offered or not.
    """
    reader: CallReader | None = LeadingThought() if options.thought_apart else None
    if options.tools_in_text(prepared.turn.model):
        offer, called = prepared.offer, set(prepared.names.values())
        if offer.functions or called:
            reading = Reading(thought_apart=options.thought_apart, final=not _wants_json(prepared.turn))
            reader = Recogniser(OfferedTools.of(offer, called), reading)
    stops = stops_of(prepared.turn.sampling.get("stop"))
    return StoppedText(reader, stops) if stops else reader


def _wants_json(turn: Turn) -> bool:
    asked = turn.sampling.get("response_format")
    return isinstance(asked, dict) and asked.get("type") in _JSON_FORMATS


def _place_of(submission: Submission, seal: Seal) -> Callable[[FunctionCall], str]:
    """Gives the digest by which the log knows a call of a legacy caller."""

    def place(call: FunctionCall) -> str:
        answer = Message(role="assistant", function_call=call)
        return by_place([*submission.turn.messages, answer], submission.isolation, seal)

    return place


def _call_ids(history: Container[str], state: SessionState, environment: Environment) -> CallIds:
    """Unique among the calls of the request's history and those that the session remembers."""
    seal = environment.seal
    remembered = {call.tool_call_id for call in state.calls}

    def known(call_id: str) -> bool:
        return call_id in history or by_id(call_id, seal) in remembered

    return CallIds(environment.mint.call_id, known)


def result_ids(messages: list[Message], state: SessionState, seal: Seal) -> Mapping[str, str]:
    """The site's ids of the calls that these results answer, for a session that made those calls.

    Returns:
        Nothing for a fresh session: it is given the calls themselves, under the ids that the client knows.
    """
    if state.upstream_session is None or not state.calls:
        return {}
    # The newest of two with one name or id: that is the one whose result has not come yet.
    ids = {call.tool_call_id: call.upstream_call_id for call in state.calls}
    names = {call.name: call.upstream_call_id for call in state.calls}
    found: dict[str, str] = {}
    for message in messages:
        if message.role == "tool":
            sealed = ids.get(by_id(message.tool_call_id or "", seal))
        elif message.role == "function":
            sealed = names.get(seal.digest(message.name or "", TOOL_NAME))
        else:
            sealed = None
        if sealed is not None:
            found[result_key(message)] = seal.unseal(sealed, CALL_ID)
    return found


def result_names(
    messages: list[Message], state: SessionState, prepared: PreparedTurn, seal: Seal
) -> Mapping[str, str]:
    """The functions whose calls these results answer, where the request itself does not have the calls.

    A client that goes on by `previous_response_id` sends results alone. The log has digests of the names only, so a
    function is found again as long as it is offered.

    Returns:
        What a result names (`result_key`) -> the function.
    """
    unnamed = {
        key: message
        for message in messages
        if message.role == "tool" and message.name is None
        if (key := result_key(message)) not in prepared.names
    }
    if not unnamed or state.upstream_session is None:
        return {}
    called = {call.tool_call_id: call.name for call in state.calls}
    offered = {seal.digest(each.name, TOOL_NAME): each.name for each in prepared.offer.functions}
    names = {
        key: offered.get(called.get(by_id(message.tool_call_id or "", seal), Digest("")))
        for key, message in unnamed.items()
    }
    return {key: name for key, name in names.items() if name is not None}
