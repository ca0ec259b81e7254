"""What stays with its account, by the scope that the settings name."""

from attrs import evolve

from mix2api.sealing import Seal
from mix2api.settings.choices import BindingScope
from mix2api.upstreams.accounts.binding_keys import binding_key
from mix2api.upstreams.port import UpstreamCall
from mix2api.vocabulary import Digest, RequestId, RunId
from mix2api.wire.turn import Message, Role, Turn

SEAL = Seal(b"a secret of the tests, 32 bytes.")


def said(role: Role, content: str) -> Message:
    return Message(role=role, content=content)


def call(*messages: Message, model: str = "m") -> UpstreamCall:
    turn = Turn(model=model, messages=list(messages))
    return UpstreamCall(
        run_id=RunId("r"),
        request_id=RequestId("q"),
        turn=turn,
        messages=[],
        caller=Digest("key"),
        isolation=Digest("session"),
    )


OPENING = (said("system", "be good"), said("user", "hello"))


def test_a_scope_names_what_a_call_is_bound_by() -> None:
    asked = call(*OPENING)
    assert binding_key(BindingScope.API_KEY, SEAL)(asked) == "key"
    assert binding_key(BindingScope.SESSION, SEAL)(asked) == "session"
    assert binding_key(BindingScope.NONE, SEAL)(asked) is None


def test_all_turns_of_a_conversation_have_one_key_and_other_conversations_another() -> None:
    key = binding_key(BindingScope.LINEAGE, SEAL)
    first = key(call(*OPENING))
    assert first == key(call(*OPENING, said("assistant", "hi"), said("user", "and on")))
    others = [
        call(said("system", "be bad"), OPENING[1]),
        call(OPENING[0], said("user", "other")),
        call(*OPENING, model="n"),
        evolve(call(*OPENING), caller=Digest("another key")),
        call(),
    ]
    assert len({first, *map(key, others)}) == 1 + len(others)
