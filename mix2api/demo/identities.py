"""The ids under which the site answers, and where in the answer it names them."""

from attrs import frozen

from mix2api.demo.directives import Directives
from mix2api.demo.words import Word


@frozen
class Ids:
    """The ids of one turn."""

    session: str
    exchange: str

    def named(self, words: Directives) -> dict[str, str]:
        """The id fields that this turn names somewhere; camel case, as the site's wire has them."""
        if Word.NO_IDS in words:
            return {}
        if Word.NO_SESSION in words:
            # A reader may take this for the session's id, so the site must know it.
            return {"exchangeId": self.session}
        if Word.NO_EXCHANGE in words:
            return {"sessionId": self.session}
        return {"sessionId": self.session, "exchangeId": self.exchange}

    def at(self, place: str, words: Directives) -> dict[str, str]:
        """The id fields named at a place: `start`, `top`, `middle` or `finish`; one place names them."""
        chosen = words.text(Word.IDS_LATE) if Word.IDS_LATE in words else "start"
        return self.named(words) if place == chosen else {}
