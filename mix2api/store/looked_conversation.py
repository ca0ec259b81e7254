"""What one look at a conversation finds in Redis, and how it is read out of the replies."""

from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from mix2api.conversations.events import (
    ConversationEvent,
    SessionCreated,
    UnreadableConversation,
)
from mix2api.conversations.evolve import Pair, evolve
from mix2api.conversations.snapshots import (
    read_session,
    read_turn,
)
from mix2api.conversations.state import NOTHING, Session, Turn
from mix2api.store.redis.link import Reply
from mix2api.store.refusals import is_damage, told

Content = Mapping[str, bytes]
"""Field -> plain bytes (`mix2api.conversations.content`)."""


@frozen(kw_only=True)
class Looked:
    """What one look at a conversation found."""

    session: Session = NOTHING
    """`NOTHING` if there is none."""
    turns: Mapping[int, Turn] = field(factory=dict)
    """Those of the asked ones that exist."""
    content: Content = field(factory=dict, repr=False)
    """Those of the asked fields that stand. What cannot be unsealed is left out, and counted as damage."""
    plans: tuple[int, ...] = ()
    """The turns of the asked plans, in the order of the plans."""

    def pair(self, turn: int) -> Pair:
        """The session and one of the turns."""
        return Pair(self.session, self.turns.get(turn))


@frozen(kw_only=True)
class Unreadable:
    """What one look found of a conversation whose states and log are damaged."""

    content: Content = field(repr=False)
    """As of `Looked`: it stands apart from both, and may be whole."""


@frozen
class Wanted:
    """What a look is to find."""

    turns: tuple[int, ...]
    fields: tuple[str, ...]
    plans: tuple[int, int] | None


def read_states(reply: Reply, numbers: Sequence[int], *, has_log: bool) -> tuple[Session, dict[int, Turn]]:
    """The states in a reply.

    Raises:
        UnreadableConversation: damage. States that are missing though the log has them are damage, too.
    """
    if is_damage(reply):
        raise UnreadableConversation("damaged")
    said, *states = told([reply])[0]
    session = NOTHING if said is None else read_session(said)
    turns = {
        number: read_turn(state) for number, state in zip(numbers, states, strict=True) if state is not None
    }
    lacks_turn = any(0 < number <= session.turns and number not in turns for number in numbers)
    if lacks_turn or (has_log and not session.version):
        raise UnreadableConversation("damaged")
    return session, turns


def read_plans(reply: Reply, session: Session, asked: tuple[int, int]) -> tuple[int, ...]:
    """The turns in a reply.

    Raises:
        UnreadableConversation: damage. A list that is empty though there are plans is damage, too.
    """
    if is_damage(reply):
        raise UnreadableConversation("damaged")
    words = told([reply])[0]
    if not all(word.isdigit() for word in words) or (session.plans and not words and asked[1] == -1):
        raise UnreadableConversation("damaged")
    return tuple(map(int, words))


def state_after(before: Looked, events: Iterable[ConversationEvent]) -> Looked:
    """What a look will find once these events are written."""
    session, turns = before.session, dict(before.turns)
    for event in events:
        number = 0 if isinstance(event, SessionCreated) else event.turn
        pair = evolve(Pair(session, turns.get(number)), event)
        session = pair.session
        if pair.turn is not None:
            turns[number] = pair.turn
    return Looked(session=session, turns=turns, content=before.content)
