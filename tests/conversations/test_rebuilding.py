"""What rests beside a log, made anew of it."""

from conversation_turns import TurnInTheMaking, worker

from mix2api.conversations.commands import AcceptTurn
from mix2api.conversations.decide import accept
from mix2api.conversations.evolve import Pair
from mix2api.conversations.rebuilding import rebuilt
from mix2api.conversations.snapshots import read_session, read_turn
from mix2api.vocabulary import Digest


def test_states_starts_message_ids_and_plans_follow_from_the_log() -> None:
    made = TurnInTheMaking.planned(worker())
    first = made.turn
    made.pair = Pair(made.pair.session)
    made.apply(accept(made.pair.session, AcceptTurn(at_ms=9, client_message=Digest("c"))))
    entries = [(f"{number}-0", event) for number, event in enumerate(made.events, start=1)]
    found = rebuilt(entries)
    assert (found.session, found.turns) == (made.pair.session, {1: first, 2: made.turn})
    assert read_session(bytes(found.fields["session"])) == found.session  # type: ignore[arg-type]
    assert read_turn(bytes(found.fields["turn:1"])) == first  # type: ignore[arg-type]
    assert (found.fields["from:1"], found.fields["from:2"]) == ("1-0", f"{len(entries) - 1}-0")
    assert (found.fields["message:c"], found.plans) == (2, (1,))


def test_an_empty_log_makes_nothing() -> None:
    assert rebuilt([]).turns == {}
