"""Reads one call in a model's own tags (`mix2api.tools.text.tags`) and tells it as pieces.

From the tag that opens it to the end of its arguments; tags that close it afterwards are its reader's. What stands where no
dialect has it makes the text no call at all (`failed`), as long as nothing of a call has been told.
"""

import re
from collections.abc import Callable
from typing import Final

from mix2api.tools.text.closers import UpTo
from mix2api.tools.text.enclosures import Enclosure
from mix2api.tools.text.loose_tokens import Tokens
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.parameter_values import ParameterValue
from mix2api.tools.text.pieces import Broken, Gathered, Why
from mix2api.tools.text.strict_json import JsonWriter, escaped
from mix2api.tools.text.tags import FIRST, OPENERS, Mark, NoTagError, Tag, TagReader
from mix2api.tools.text.text_calls import TextCall

_WORD_MAX: Final = 256
"""Characters of a name that stands in no tag; OpenAI's function names have at most 64."""
_KIND: Final = "function"
"""What DeepSeek V3 writes before a name."""
_KIMI: Final = re.compile(r"(?:functions\.)?(.+?)(:[0-9]+)?")
"""A name as Kimi writes it. With its number, which Kimi sometimes leaves out, the whole is the call's id."""
_TYPES: Final = {True: frozenset[str](), False: frozenset({"string"})}


class Markup:
    """One call, or a list of them.

    Args:
        offered: what may be called.
        out: where the pieces go.
        tag: the one that opens it, which has been read.
    """

    def __init__(self, offered: OfferedTools, out: Gathered, tag: Tag) -> None:
        self._offered = offered
        self._out = out
        self._take: Callable[[str, int], int] = self._body
        self._tag = TagReader()
        self._word: list[str] = []
        self._name = ""
        self._call: TextCall | None = None
        self._give_id: Callable[[str], None] = self._word.append
        self._calls = Enclosure(offered, out, bare=True)
        self._tokens = Tokens(JsonWriter(self._word.append, self._fail))
        """Of the arguments; these are nobody's."""
        self._json: Enclosure | Tokens | None = None
        """What reads JSON, if any is read."""
        self._up_to = UpTo(">")
        self._value = ParameterValue(self._word.append, frozenset(), lined=False)
        """The one that is read; this is nobody's."""
        self._parts: list[str] = []
        self._in_parameters = False
        self._is_certain = False
        """Whether tags around arguments have come: nobody mentions so much of a call."""
        self.fenced = False
        """Whether the arguments stand in a code block, whose end is the call's."""
        self.ended = False
        """Whether the text goes on without it."""
        self.failed = False
        """Whether it is no call in any dialect; then all of its text is ordinary."""
        self._opened(tag)

    def feed(self, text: str, position: int = 0) -> int:
        """Reads on from there; gives where the call ended, or the text."""
        while position < len(text) and not self.ended:
            position = self._take(text, position)
        return position

    def end(self) -> None:
        """There is no more of it. To be asked once."""
        if self._json is self._calls:
            self._calls.end()
        elif self._call is not None and not self.failed:
            if self._json is self._tokens:
                self._end_json(self._call)
            self._call.end(cut=not self.ended)
        elif not self.ended:
            self._out.put(Broken(Why.CUT))

    # --- tags

    def _opened(self, tag: Tag) -> None:
        if tag.mark is Mark.FUNCTION:
            self._named(tag.value)
            self._take = self._function
        else:
            self._take = self._body

    def _fail(self) -> None:
        self.failed = self.ended = True

    def _read_tag(self, text: str, position: int, told: Callable[[Tag], None]) -> int:
        """The next character of a tag; a whole one is told. Gives where to read on."""
        try:
            tag = self._tag.take(text[position])
        except NoTagError:
            self._give_up()
            return position
        if tag is not None:
            told(tag)
        return position + 1

    def _give_up(self) -> None:
        """Something stands here that no dialect has. Behind a tag of arguments it makes a broken call, without doubt."""
        if self._call is None or not self._is_certain:
            self._fail()
        else:
            self._call.flaw()
            self._tag = TagReader()
            self._take = self._over

    def _begin_tag(self) -> None:
        self._tag = TagReader()
        self._take = self._in_tag

    def _in_tag(self, text: str, position: int) -> int:
        return self._read_tag(text, position, self._told)

    def _told(self, tag: Tag) -> None:
        """A tag within the call."""
        mark = tag.mark
        if self._call is None:
            self._told_before_name(tag)
            return
        self._is_certain = self._is_certain or mark in {Mark.ARGUMENTS, Mark.PARAMETER, Mark.KEY}
        if mark is Mark.END:
            self._end_parameters(self._call)
        elif mark is Mark.ARGUMENTS and not self._in_parameters:
            self._take = self._arguments
        elif mark is Mark.PARAMETER:
            self._begin_value(self._call, tag.value, tag)
        elif mark is Mark.KEY:
            self._up_to, self._parts = UpTo(tag.closer), []
            self._take = self._key
        else:
            self._give_up()

    def _over(self, text: str, position: int) -> int:
        """Reads over what is left of a broken call, up to a tag that ends it."""
        if not self._tag.text:
            found = text.find("<", position)
            if found < 0:
                return len(text)
            position = found
        try:
            tag = self._tag.take(text[position])
        except NoTagError:
            self._tag = TagReader()
            return position + (text[position] != "<")
        if tag is not None:
            self.ended = tag.mark is Mark.END
            self._tag = TagReader()
        return position + 1

    def _told_before_name(self, tag: Tag) -> None:
        if tag.mark in OPENERS:
            self._opened(tag)
        else:
            self._fail()

    # --- the name

    def _body(self, text: str, position: int) -> int:
        """Behind a tag that opens: JSON, a name, or a further tag."""
        char = text[position]
        if char.isspace():
            return position + 1
        if char in "{[":
            self._json = self._calls
            self._take = self._in_calls
        elif char == "<":
            self._begin_tag()
        else:
            self._word = []
            self._take = self._naming
        return position

    def _naming(self, text: str, position: int) -> int:
        """A name that stands in no tag."""
        char = text[position]
        if char.isspace() or char in FIRST or char in "{`":
            self._take = self._behind_name
            return position
        self._word.append(char)
        if len(self._word) > _WORD_MAX:
            self._fail()
        return position + 1

    def _behind_name(self, text: str, position: int) -> int:
        char = text[position]
        if char.isspace():
            return position + 1
        word = "".join(self._word)
        if char in FIRST:
            self._tag = TagReader()
            self._take = self._tag_behind_name
        elif char in "{`" and word != _KIND:
            self._named(word)
            self._take = self._arguments
        else:
            self._fail()
        return position

    def _tag_behind_name(self, text: str, position: int) -> int:
        return self._read_tag(text, position, self._told_behind_name)

    def _told_behind_name(self, tag: Tag) -> None:
        word = "".join(self._word)
        if tag.mark is Mark.ARGUMENTS and word == _KIND and word not in self._offered.names:
            self._word = []
            self._take = self._late_name
        elif tag.mark is Mark.ID:
            self._named(word)
            self._word = []
            self._take = self._id
        elif tag.mark in {Mark.ARGUMENTS, Mark.KEY, Mark.END}:
            self._named(word)
            self._told(tag)
        else:
            self._fail()

    def _late_name(self, text: str, position: int) -> int:
        if text[position].isspace():
            return position + 1
        self._take = self._naming
        return position

    def _id(self, text: str, position: int) -> int:
        char = text[position]
        if char != "[" and len(self._word) <= _WORD_MAX:
            self._word.append(char)
            return position + 1
        self._give_id("".join(self._word).strip())
        self._begin_tag()
        return position

    def _named(self, word: str) -> None:
        kimi = None if word in self._offered.names else _KIMI.fullmatch(word)
        self._name = word if kimi is None else kimi[1]
        call = self._call = TextCall(self._offered, self._out)
        self._give_id = call.given_id
        call.name(self._name)
        if kimi is not None and kimi[2]:
            call.given_id(word)

    # --- arguments as JSON

    def _in_calls(self, text: str, position: int) -> int:
        """Whole calls as JSON."""
        position = self._calls.feed(text, position)
        self.ended = self._calls.ended
        return position

    def _arguments(self, text: str, position: int) -> int:
        """Up to the bracket of the arguments, which may stand in a code block."""
        char = text[position]
        if char.isspace() or char == "`" or (self._parts and char.isalpha()):
            self._parts.append(char)
            return position + 1
        if char != "{" or self._call is None or "".join(self._parts).strip("` \r\n\t") not in {"", "json"}:
            self._fail()
            return position
        self.fenced = "`" in self._parts
        self._json = self._tokens = Tokens(JsonWriter(self._call.arguments, self._call.flaw))
        self._call.begin_arguments()
        self._take = self._in_json
        return position

    def _in_json(self, text: str, position: int) -> int:
        position = self._tokens.feed(text, position)
        self.ended = self._tokens.ended
        return position

    def _end_json(self, call: TextCall) -> None:
        self._tokens.end()
        if self._tokens.whole:
            call.end_arguments()
        elif self.ended:
            call.flaw()

    # --- arguments as parameters

    def _function(self, text: str, position: int) -> int:
        """Behind the tag that names the function."""
        char = text[position]
        if char == "{" and not self._in_parameters:
            self._take = self._arguments
            return position
        return self._between(text, position)

    def _between(self, text: str, position: int) -> int:
        """Between parameters."""
        char = text[position]
        if char.isspace():
            return position + 1
        if char == "<":
            self._begin_tag()
        else:
            self._give_up()
        return position

    def _key(self, text: str, position: int) -> int:
        part, position = self._up_to.feed(text, position)
        self._parts.append(part)
        if self._up_to.closed:
            self._take = self._before_value
        return position

    def _before_value(self, text: str, position: int) -> int:
        char = text[position]
        if char.isspace():
            return position + 1
        if char != "<":
            self._give_up()
            return position
        self._tag = TagReader()
        self._take = self._value_tag
        return position

    def _value_tag(self, text: str, position: int) -> int:
        return self._read_tag(text, position, self._told_behind_key)

    def _told_behind_key(self, tag: Tag) -> None:
        if tag.mark is Mark.VALUE and self._call is not None:
            self._begin_value(self._call, "".join(self._parts).strip(), tag)
        else:
            self._give_up()
            self.ended = self.ended or tag.mark is Mark.END

    def _begin_value(self, call: TextCall, key: str, tag: Tag) -> None:
        if self._in_parameters:
            call.arguments(", ")
        else:
            call.begin_arguments()
            call.arguments("{")
        self._in_parameters = True
        call.arguments(f'"{escaped(key)}": ')
        types = self._offered.types_of(self._name, key) if tag.typed is None else _TYPES[tag.typed]
        self._value = ParameterValue(call.arguments, types, lined=tag.lined)
        self._up_to = UpTo(tag.closer)
        self._take = self._in_value

    def _in_value(self, text: str, position: int) -> int:
        part, position = self._up_to.feed(text, position)
        self._value.text(part)
        if self._up_to.closed:
            self._value.end()
            self._take = self._between
        return position

    def _end_parameters(self, call: TextCall) -> None:
        """The call's closing tag."""
        if self._in_parameters:
            call.arguments("}")
            call.end_arguments()
        self.ended = True
