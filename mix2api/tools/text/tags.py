"""The tags in which models write calls and thought of their own accord, as one table, and a reader of one tag.

    Hermes, Qwen       <tool_call>{"name", "arguments"}</tool_call>
    Qwen-Coder         <tool_call><function=NAME><parameter=KEY>VALUE</parameter></function></tool_call>
    GLM                <tool_call>NAME<arg_key>KEY</arg_key><arg_value>VALUE</arg_value></tool_call>
    DeepSeek           <｜tool▁calls▁begin｜><｜tool▁call▁begin｜>NAME<｜tool▁sep｜>{…}<｜tool▁call▁end｜><｜tool▁calls▁end｜>
    DeepSeek 3.2       <｜DSML｜function_calls><｜DSML｜invoke name="NAME"><｜DSML｜parameter name="KEY" string="true">VALUE…
    Kimi               <|tool_calls_section_begin|><|tool_call_begin|>functions.NAME:0<|tool_call_argument_begin|>{…}<|tool_call_end|>…
    Mistral            [TOOL_CALLS][{"name", "arguments"}]   [TOOL_CALLS]NAME[ARGS]{…}
    Anthropic, MiniMax <function_calls><invoke name="NAME"><parameter name="KEY">VALUE</parameter></invoke></function_calls>
    Llama              <function=NAME>{…}</function>   <|python_tag|>{"name", "parameters"}
    LongCat            GLM's form with `longcat_` before each word
    Nemotron           <TOOLCALL>[{"name", "arguments"}]</TOOLCALL>

Sources: the chat templates and parsers that the models come with (Hugging Face `tokenizer_config.json`; vLLM's
`tool_parsers`). Nothing here knows what tools there are.
"""

# ruff: noqa: RUF001, RUF002 - DeepSeek's tags are full-width

from enum import StrEnum, auto
from typing import Final

from attrs import evolve, frozen


class Mark(StrEnum):
    """What a tag does."""

    THOUGHT = auto()
    """Thought begins; it ends with the tag's own `closer`."""
    SECTION = auto()
    """Calls begin."""
    CALL = auto()
    """One call begins: JSON, a name, or a tag that names it."""
    FUNCTION = auto()
    """One call begins, and this is its name."""
    PARAMETER = auto()
    """A parameter begins, and this is its key; its value ends with the tag's own `closer`."""
    KEY = auto()
    """A parameter's key begins; it ends with the tag's own `closer`."""
    VALUE = auto()
    """Likewise its value."""
    ID = auto()
    """The call's id begins."""
    ARGUMENTS = auto()
    """Its arguments begin, as JSON."""
    END = auto()
    """A call, or all of them, ends here."""


@frozen
class Tag:
    """One tag that was read whole."""

    mark: Mark
    value: str = ""
    """The name or the key that it holds."""
    closer: str = ""
    """The tag that ends what it begins."""
    typed: bool | None = None
    """Of DeepSeek's parameters: whether the value is JSON (`string="false"`); None where the tag does not say."""
    lined: bool = False
    """Whether the value stands on lines of its own."""


def _spelt(words: tuple[str, ...]) -> list[str]:
    """The words in the cases in which models write them."""
    return [spelling for word in words for spelling in (word, word.title(), word.upper())]


def _in_bars(words: str) -> list[str]:
    """DeepSeek's tag of these words. Models that learned it from texts write other bars and other spaces."""
    return [f"<{bar}{words.replace(' ', gap)}{bar}>" for bar in "｜|" for gap in "▁_ "]


_THOUGHTS: Final = (
    *_spelt(("think", "thinking", "thought", "thoughts", "reason", "reasoning")),
    *("seed:think", "mm:think", "longcat_think", "antml:thinking", "antThinking"),
    *("redacted_thinking", "redacted_reasoning"),
)
_CALLS: Final = (
    *("tool_call", "TOOL_CALL", "TOOLCALL", "tool_use", "function_call"),
    *("minimax:tool_call", "seed:tool_call", "longcat_tool_call"),
)
_SECTIONS: Final = (
    "tool_calls",
    "function_calls",
    "antml:function_calls",
    "｜DSML｜function_calls",
    "｜DSML｜tool_calls",
)
_INVOKES: Final = ("invoke", "antml:invoke", "｜DSML｜invoke", "function", "tool_call")
_PARAMETERS: Final = ("parameter", "antml:parameter", "｜DSML｜parameter")

_FIXED: Final[dict[str, Tag]] = {
    **{f"<{word}>": Tag(Mark.THOUGHT, closer=f"</{word}>") for word in _THOUGHTS},
    "[THINK]": Tag(Mark.THOUGHT, closer="[/THINK]"),
    "◁think▷": Tag(Mark.THOUGHT, closer="◁/think▷"),
    "<|START_THINKING|>": Tag(Mark.THOUGHT, closer="<|END_THINKING|>"),
    "<|begin_of_thought|>": Tag(Mark.THOUGHT, closer="<|end_of_thought|>"),
    "<|think|>": Tag(Mark.THOUGHT, closer="<|/think|>"),
    **{f"<{word}>": Tag(Mark.SECTION) for word in _SECTIONS},
    **{tag: Tag(Mark.SECTION) for tag in _in_bars("tool calls begin")},
    "<|tool_calls_section_begin|>": Tag(Mark.SECTION),
    **{f"<{word}>": Tag(Mark.CALL) for word in _CALLS},
    **{tag: Tag(Mark.CALL) for tag in _in_bars("tool call begin")},  # Kimi's too
    "<|tool_call|>": Tag(Mark.CALL),
    "<|python_tag|>": Tag(Mark.CALL),
    "[TOOL_CALLS]": Tag(Mark.CALL),
    **{f"<{word}>": Tag(Mark.KEY, closer=f"</{word}>") for word in ("arg_key", "longcat_arg_key")},
    **{f"<{word}>": Tag(Mark.VALUE, closer=f"</{word}>") for word in ("arg_value", "longcat_arg_value")},
    "[CALL_ID]": Tag(Mark.ID),
    **{tag: Tag(Mark.ARGUMENTS) for tag in _in_bars("tool sep")},
    "<|tool_call_argument_begin|>": Tag(Mark.ARGUMENTS),
    "[ARGS]": Tag(Mark.ARGUMENTS),
    **{f"</{word}>": Tag(Mark.END) for word in (*_SECTIONS, *_CALLS, *_INVOKES)},
    **{
        tag: Tag(Mark.END)
        for words in ("tool call end", "tool calls end", "end of sentence")
        for tag in _in_bars(words)
    },
    "<|tool_calls_section_end|>": Tag(Mark.END),
    "<|/tool_call|>": Tag(Mark.END),
    "[/TOOL_CALLS]": Tag(Mark.END),
}
"""Tags without a value."""

_HEADS: Final[dict[str, Tag]] = {
    "<function=": Tag(Mark.FUNCTION),
    "<parameter=": Tag(Mark.PARAMETER, closer="</parameter>", lined=True),
    **{f"<{word} name=": Tag(Mark.FUNCTION) for word in _INVOKES},
    **{f"<{word} name=": Tag(Mark.PARAMETER, closer=f"</{word}>") for word in _PARAMETERS},
}
"""Tags that hold a name, up to it."""
_ATTRIBUTED: Final[dict[str, Tag]] = {
    f"<{word} ": Tag(Mark.THOUGHT, closer=f"</{word}>") for word in _THOUGHTS
}
"""Tags of thought that may have attributes, up to these."""
_BEGINNINGS: Final = {**_HEADS, **_ATTRIBUTED}

OPENERS: Final = frozenset({Mark.SECTION, Mark.CALL, Mark.FUNCTION})
"""What begins a call in ordinary text."""
FIRST: Final = frozenset(tag[0] for tag in _FIXED)
"""What tags begin with."""
_PREFIXES: Final = frozenset(
    tag[:length] for tag in (*_FIXED, *_BEGINNINGS) for length in range(1, len(tag) + 1)
)
_LONGEST_VALUE: Final = 256
"""Characters of a name with its quotes and attributes. OpenAI's function names have at most 64."""
_QUOTES: Final = "\"'"


class NoTagError(Exception):
    """This character cannot stand in a tag."""


class TagReader:
    """Reads one tag, character by character, its first one included."""

    def __init__(self) -> None:
        self.text = ""
        """What it has read."""
        self._head = ""

    def take(self, char: str) -> Tag | None:
        """The next character; the tag with its last one.

        Raises:
            NoTagError: there is no such tag; the character has not been read.
        """
        text = self.text + char
        if self._head:
            return self._value(text)
        if text not in _PREFIXES:
            raise NoTagError
        self.text = text
        if text in _BEGINNINGS:
            self._head = text
        return _FIXED.get(text)

    def _value(self, text: str) -> Tag | None:
        value = text[len(self._head) :]
        if len(value) > _LONGEST_VALUE or value[-1] in "<\n":
            raise NoTagError
        if value[-1] == ">" and self._head in _ATTRIBUTED and not _are_attributes(value[:-1]):
            raise NoTagError
        self.text = text
        if value[-1] != ">" or (value[0] in _QUOTES and value.count(value[0]) % 2):
            return None
        if self._head in _ATTRIBUTED:
            return _ATTRIBUTED[self._head]
        tag = _HEADS[self._head]
        quote = value[0] if value[0] in _QUOTES else ""
        name, _, attributes = value[1:-1].partition(quote) if quote else (value[:-1], "", "")
        typed = 'string="false"' in attributes if 'string="' in attributes else None
        return evolve(tag, value=name.strip(), typed=typed)


def _are_attributes(text: str) -> bool:
    """Whether this may stand behind a tag's word: `<think time="3">` is a tag, `<think of it>` is prose."""
    return "=" in text or not text.strip()
