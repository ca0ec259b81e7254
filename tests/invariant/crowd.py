"""A crowd behind one gateway key: makes the users' requests, takes a hand in site and processes, asks the oracle."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
import trio
from attrs import define, field, frozen
from invariant.exchanges import Exchange
from invariant.oracle import Oracle
from invariant.sayings import Call, Saying, Style, write
from invariant.users import Asking, Move, User
from invariant.waiting import Waiting
from invariant.wishes import STREAMED, Kind, kind_of
from wire_client import Answer, Conversation, WireClient

from mix2api.demo import Demo

CROWD: Final = 24
_MODEL: Final = "mix/qwen-3-235b-instruct"
_LIMIT_S: Final = 30
_OPENED: Final = 2
"""Messages of a conversation that has just begun: a question and its answer."""
_TOOLS: Final = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("look", "read")
]


@frozen
class _Request:
    """One request on its way."""

    user: User
    asking: Asking
    move: Move


@define(eq=False)
class Crowd:
    """`CROWD` users with one key of their own.

    Args:
        demo: the site; emptied by the first crowd that uses it.
        ports: where the processes listen; each request goes to the one that its move's place chooses.
        restart: replaces the processes by new ones; gives their ports.
        empty: empties the store under them.
    """

    demo: Demo
    ports: Sequence[int]
    restart: Callable[[], Awaitable[Sequence[int]]]
    empty: Callable[[], None]
    oracle: Oracle = field(init=False)
    waiting: Waiting = field(factory=Waiting)
    users: list[User] = field(init=False)
    steps: int = 0
    restarts: int = 0
    emptied: int = 0
    named: int = 0
    rolled_over: int = 0
    trimmed: int = 0
    _token: str = field(factory=lambda: f"sk-{secrets.token_hex(8)}")

    def __attrs_post_init__(self) -> None:
        self.demo.site.reset()
        self.oracle = Oracle(self.demo)
        # A few clients mark their working sessions, most come through a gateway that drops that.
        self.users = [
            User(f"u{n}", hint=f"ses_{n}" if n % 6 == 0 else None, drops_text=n % 3 == 1)
            for n in range(CROWD)
        ]

    @property
    def active(self) -> int:
        """Users who have said something."""
        return sum(user.is_active for user in self.users)

    async def moment(self, moves: Sequence[Move]) -> None:
        """Lets users act at the same time, then judges.

        Raises:
            CrossTalk, WrongReuse: see `oracle` and `waiting`.
        """
        requests = [
            _Request(self.users[move.who], asking, move)
            for move in moves
            for asking in self.users[move.who].asks(move, self.users)
        ]
        self.steps += len(requests)
        exchanges: dict[int, Exchange] = {}

        async def make(number: int, request: _Request) -> None:
            exchanges[number] = await self._exchange(request)

        with trio.fail_after(_LIMIT_S):
            async with trio.open_nursery() as nursery:
                for number, request in enumerate(requests):
                    nursery.start_soon(make, number, request)
            # What the site still says to an adapter that hung up enters its context, too.
            await self.demo.stats.wait_until(lambda stats: stats.open_streams == 0)
        judged = [exchanges[number] for number in range(len(requests))]
        self.rolled_over += sum(each.resolution.endswith("rolled_over") for each in judged)
        self.trimmed += sum(each.trimmed for each in judged)
        self.oracle.judge(judged)
        self.waiting.judge(judged)
        self._tell(requests, exchanges)

    def _tell(self, requests: Sequence[_Request], exchanges: dict[int, Exchange]) -> None:
        """Each user's screen shows one answer to what it asked."""
        told: set[str] = set()
        for number, request in enumerate(requests):
            user = request.user
            if request.asking.own and user.name not in told:
                told.add(user.name)
                # Some clients keep an empty message of an answer that never came.
                exchange = exchanges[number]
                if exchange.is_refused_by_us:
                    user.line.clear()
                    continue
                user.hears(exchange.got, keeps=exchange.answered or request.move.words == 0)

    def forget(self, place: int) -> None:
        """The site forgets one of its sessions."""
        self.steps += 1
        if self.demo.sessions:
            self.demo.site.forget(list(self.demo.sessions)[place % len(self.demo.sessions)])

    async def name_a_session(self, place: int) -> None:
        """Somebody with the same key says something under a name, and then, under that name, what a user has just opened with.

        Of these sessions nobody's history tells all.
        """
        openers = [user for user in self.users if len(user.line) == _OPENED and _goes_well(user)]
        if not openers:
            return
        user = openers[place % len(openers)]
        self.steps += 2
        self.named += 1
        headers = {"x-session-affinity": user.hint} if user.hint else {}
        tools = {"tools": _TOOLS} if user.with_tools else {}
        client = WireClient(self.ports[place % len(self.ports)], self._token)
        leading = () if user.prompt is None else (user.prompt,)
        for said in (Saying(role="user", text="what nobody else may read"), user.line[0]):
            messages = [each for saying in (*leading, said) for each in write(saying, Style.PLAIN)]
            name = f"{self._token}-{self.named}"
            answer = await client.ask("", headers=headers, messages=messages, session_id=name, **tools)
            assert answer.status == 200, answer.body
        self.oracle.give_up_changed()

    def empty_store(self) -> None:
        """The store forgets everything: every session is over, and nobody waits anywhere."""
        self.steps += 1
        self.emptied += 1
        self.empty()
        self.oracle.give_all_up()
        self.waiting.forget()

    async def renew_processes(self) -> None:
        """All processes are stopped and started again."""
        self.steps += 1
        self.restarts += 1
        self.ports = await self.restart()

    async def _exchange(self, request: _Request) -> Exchange:
        user, asking, move = request.user, request.asking, request.move
        messages = [message for saying in asking.history for message in self._written(saying, request)]
        kind = kind_of(asking.history, with_tools=asking.with_tools)
        body: dict[str, Any] = {"model": _MODEL, "messages": messages}
        body["stream"] = move.stream or kind in STREAMED
        if asking.with_tools:
            body["tools"] = _TOOLS
        headers = {"x-session-affinity": user.hint} if user.hint else {}
        client = WireClient(self.ports[move.place % len(self.ports)], self._token)
        asked = client.request("POST", "/v1/chat/completions", msgspec.json.encode(body), headers)
        async with asked as conversation:
            head = await conversation.head()
            if kind is Kind.LEFT and head.status_code == 200:
                await conversation.read_until(lambda body: b'"content":"' in body.partition(b"\n\n")[2])
                answer = _so_far(conversation, head)
            else:
                answer = await conversation.rest(head)
        exchange = Exchange(
            who=user.name,
            circumstances=(asking.with_tools, user.hint),
            history=asking.history,
            kind=kind,
            switched=user.switched,
            got=_got(answer),
            finish=answer.finish_reason() if answer.status == 200 else None,
            status=answer.status,
            resolution=answer.headers.get("x-mix2api-session", ""),
            trimmed=not answer.headers.get("x-mix2api-budget", "trimmed=0").endswith("trimmed=0"),
        )
        # What was got stands in the site's context as the site itself wrote it.
        self.oracle.learn(exchange.got, write(exchange.got, Style.PLAIN))
        return exchange

    def _written(self, saying: Saying, request: _Request) -> list[dict[str, Any]]:
        messages = write(saying, request.move.style, drops_text=request.user.drops_text)
        self.oracle.learn(saying, messages)
        return messages


def _goes_well(user: User) -> bool:
    """Whether the first question is one that the site just answers, in the session that it is asked in."""
    loses = any(word in user.line[0].text for word in ("[[forget", "[[swap"))
    return not loses and kind_of(user.line[:1], with_tools=user.with_tools) is Kind.GOOD


def _so_far(conversation: Conversation, head: Any) -> Answer:
    """The answer of which a user has read whole frames only, when it goes away."""
    whole = conversation.body[: conversation.body.rfind(b"\n\n") + 2]
    headers = {name.decode(): value.decode() for name, value in head.headers}
    return Answer(head.status_code, headers, whole)


def _got(answer: Answer) -> Saying:
    """What a client makes of an answer."""
    if answer.status != 200:
        return Saying(role="assistant")
    if not answer.is_stream:
        message = answer.json()["choices"][0]["message"]
        calls = [(call["id"], call["function"]) for call in message.get("tool_calls") or ()]
        return _assistant(
            message["content"] or "", [Call(id_, each["name"], each["arguments"]) for id_, each in calls]
        )
    pieces: dict[int, dict[str, str]] = {}
    for choice in answer.choices():
        for piece in choice["delta"].get("tool_calls") or ():
            call = pieces.setdefault(piece["index"], {"arguments": ""})
            call |= {key: piece[key] for key in ("id",) if piece.get(key)}
            call |= {key: piece["function"][key] for key in ("name",) if piece["function"].get(key)}
            call["arguments"] += piece["function"].get("arguments") or ""
    return _assistant(
        answer.text(), [Call(each["id"], each["name"], each["arguments"]) for each in pieces.values()]
    )


def _assistant(text: str, calls: list[Call]) -> Saying:
    return Saying(role="assistant", text=text, calls=tuple(calls))
