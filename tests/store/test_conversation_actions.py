"""What callers may do with conversations, whichever door they come in by."""

import pytest
from redis_server import RedisServer
from stored_runs import SHARDS, stored

from mix2api.clock import SystemClock
from mix2api.conversations.content import SessionWords, TurnWords
from mix2api.conversations.states import Reason
from mix2api.errors import Conflict
from mix2api.settings.choices import Busy
from mix2api.store.conversation_actions import ConversationActions
from mix2api.store.store import Store
from mix2api.vocabulary import Digest

ANN, BOB = Digest("a" * 32), Digest("b" * 32)
SESSION = SessionWords(session_id="s1", user_id="u1")
HELLO = TurnWords(message="hello")


def actions_of(store: Store, busy: Busy, stirred: list[Digest]) -> ConversationActions:
    async def stir(conversation: Digest) -> None:
        stirred.append(conversation)

    return ConversationActions(
        store=store.conversations(SHARDS, 0),
        index=store.conversation_index(0),
        seal=store.seal,
        clock=SystemClock(),
        busy=busy,
        stir=stir,
    )


async def test_a_session_is_begun_once_and_is_its_caller_s_alone(redis_server: RedisServer) -> None:
    async with stored(redis_server.url) as store:
        actions = actions_of(store, Busy.ENQUEUE, [])
        begun = [(await actions.begin(caller, SESSION))[1] for caller in (ANN, ANN, BOB)]
        conversation = actions.conversation(ANN, "s1")
        numbers = [
            await actions.take_message(caller, conversation, HELLO, said)
            for caller, said in ((BOB, None), (ANN, "one"), (ANN, "one"), (ANN, None))
        ]
    assert begun == [True, False, True]
    assert numbers == [None, 1, 1, 2]


async def test_a_busy_session_refuses_a_message_or_ends_what_runs(redis_server: RedisServer) -> None:
    stirred: list[Digest] = []
    async with stored(redis_server.url) as store:
        refusing = actions_of(store, Busy.REJECT, stirred)
        interrupting = actions_of(store, Busy.INTERRUPT, stirred)
        await refusing.begin(ANN, SESSION)
        conversation = refusing.conversation(ANN, "s1")
        assert await refusing.take_message(ANN, conversation, HELLO, None) == 1
        with pytest.raises(Conflict, match="A turn of the session runs"):
            await refusing.take_message(ANN, conversation, HELLO, None)
        assert await interrupting.take_message(ANN, conversation, HELLO, None) == 2
        looked = await refusing.store.look(conversation, [1])
    assert looked.session.open == (2,)
    assert looked.turns[1].why is Reason.INTERRUPTED
    assert stirred == [conversation]
