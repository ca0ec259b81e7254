"""The demo upstream: a separate program that speaks the `mix` protocol for real, and misbehaves when asked to.

It is a site with sessions: it keeps the messages of its clients and its own answers, has a context window, forgets and
swaps sessions. It answers in sentences about the prompt. If the words ask for an offered tool, it calls the tool, so
that an agent can work against it. Tests, `make demo` and trials use it, because nobody may load the real site with tests.

    async with trio.open_nursery() as nursery:
        demo = await nursery.start(serve_demo, DemoOptions())
        ...  # demo.url, demo.sessions, demo.stats, demo.received

Read in this order: `words` (what a prompt can ask for), `contexts`, `token_count`, `offers`, `picks`, `findings`,
`arguments` and `series` (which
tool is called, and with what), `sentences`, `answers`, `plans`, `script` and `whole` (what is said; all pure), `site` (what is
kept), `connection`, `chats`, `routes`, `server` (the socket).

HTTP is h11 on trio streams, not Quart, because a server library decides itself when it writes and how it closes. Here
one frame is one write. The site can cut a chunk in two and reset a connection, and it notices a disconnect while it
sends nothing. It may import nothing of the adapter's halves: the adapter must not be tested by its own code.
"""

from mix2api.demo.answers import FOREIGN, NumberedText, answer_text, numbered_text
from mix2api.demo.contexts import SiteSession, ToolOutcome
from mix2api.demo.options import DemoKind, DemoOptions
from mix2api.demo.server import Demo, main, serve_demo
from mix2api.demo.site import Received
from mix2api.demo.stats import Stats
from mix2api.demo.token_count import TokenCount
from mix2api.demo.words import directive_help

__all__ = [
    "FOREIGN",
    "Demo",
    "DemoKind",
    "DemoOptions",
    "NumberedText",
    "Received",
    "SiteSession",
    "Stats",
    "TokenCount",
    "ToolOutcome",
    "answer_text",
    "directive_help",
    "main",
    "numbered_text",
    "serve_demo",
]
