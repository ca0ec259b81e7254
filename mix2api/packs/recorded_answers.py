"""The demo corpus as the last release answered it, kept in `recorded_answers.jsonl`: what the site said, and what the client saw.

`make released` writes the file, by `mix2api release record --answers` of the build that is released.
"""

from collections.abc import AsyncGenerator, Iterable
from importlib import resources

import msgspec
from msgspec import Struct

from mix2api.packs.asking import Asking, Target
from mix2api.packs.corpus import CORPUS
from mix2api.packs.evidence import Ask
from mix2api.packs.recorded_site import RecordedSite, SiteAnswer
from mix2api.packs.said import Said, said, unlike
from mix2api.release.differences import Difference, shown


class RecordedAnswer(Struct, frozen=True):
    """One exchange of the corpus."""

    name: str
    site: tuple[SiteAnswer, ...]
    """What the site said, in order: a call that was tried again has more than one answer."""
    said: Said


def recorded_answers() -> list[RecordedAnswer]:
    """All of them."""
    text = resources.files("mix2api.packs").joinpath("recorded_answers.jsonl").read_bytes()
    return [msgspec.json.decode(line, type=RecordedAnswer) for line in text.splitlines()]


async def record_answers(target: Target, site: RecordedSite) -> AsyncGenerator[RecordedAnswer, None]:
    """Asks the corpus through an adapter whose site records."""
    asking = Asking(target)
    try:
        for name, body in CORPUS.items():
            site.answers.clear()
            seen = await asking.see(Ask(body=body, request_id=_request_id(name)))
            yield RecordedAnswer(name, tuple(site.answers), said(seen))
    finally:
        asking.close()


async def compare_answers(
    target: Target, site: RecordedSite, recorded: Iterable[RecordedAnswer]
) -> list[Difference]:
    """Asks the corpus through an adapter whose site replays, and gives what its clients see otherwise."""
    found = []
    asking = Asking(target)
    try:
        for one in recorded:
            site.answers[:] = one.site
            seen = await asking.see(Ask(body=CORPUS[one.name], request_id=_request_id(one.name)))
            found += [
                Difference(f"answer.{field}", one.name, "client", shown(before), shown(after))
                for field, before, after in unlike(one.said, said(seen))
            ]
            if site.answers:
                found.append(Difference("answer.calls_of_the_site", one.name, "site", "more", "fewer"))
    finally:
        asking.close()
    return found


def _request_id(name: str) -> str:
    return "corpus-" + "".join(letter if letter.isalnum() else "-" for letter in name)
