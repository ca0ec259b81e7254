"""Templates of node inputs: `{{nodes.a.output}}` and `{{context.message}}`. Pure.

A template is written by a model or by a stranger, so it may do one thing only: name a value. jinja2 parses it, and nothing is
ever compiled or run: blocks, calls, filters, operators and comments are faults (ADR 83). So no template runs long, and its
output is as long as its text and the values that it names. Names lead through JSON values, never to Python's attributes.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from jinja2 import TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment

from mix2api.conversations.fault_texts import FaultKind
from mix2api.conversations.faults import Why, why

RENDERED_CHARS_MAX: Final = 2_000_000
"""Characters of a rendered input: more than any model reads, and 5 ms of work."""
NAMES_MAX: Final = 200
"""Names in all placeholders of a template, three for `nodes.a.output`: enough to name the outputs of all nodes of the largest
graph. jinja2 takes 25 to 50 µs for each."""
_OPENING: Final = re.compile(r"\{[{%#]")
_PLACEHOLDER: Final = re.compile(
    r"""\{\{ \s*+ [^\W\d]\w*+ (?: \s*+\.\s*+ [^\W\d]\w*+ | \s*+\[\s*+ (?: \d{1,9}+ | '[^'{}\\]*+' | "[^"{}\\]*+" ) \s*+\] )*+ \s*+ \}\}""",
    re.VERBOSE,
)
"""Names only, as jinja2 reads them. Nothing in it is tried twice."""
_NAMES_ONLY: Final = why(FaultKind.PLACEHOLDERS)

Reference = tuple[str | int, ...]
"""The names of a placeholder, at least one: `("nodes", "a", "output")`."""


class TemplateFault(Exception):
    """A template that cannot be used. `why` says what is allowed, and quotes nothing."""

    def __init__(self, why: Why) -> None:
        super().__init__(str(why))
        self.why = why


def references(template: str) -> frozenset[Reference]:
    """What a template names.

    Raises:
        TemplateFault: it does anything else.
    """
    return frozenset(piece for piece in _pieces(template) if isinstance(piece, tuple))


def render(template: str, values: Mapping[str, Any]) -> str:
    """The text of a template. A string stands there as it is, any other value as JSON.

    Args:
        template: the input of a node. Its line ends become LF.
        values: decoded JSON. What it holds is never read as a template.

    Raises:
        TemplateFault: the template names what is not there, does anything else, or gives more than `RENDERED_CHARS_MAX`.
    """
    rendered: list[str] = []
    chars = 0
    for piece in _pieces(template):
        text = piece if isinstance(piece, str) else _text_at(piece, values)
        chars += len(text)
        if chars > RENDERED_CHARS_MAX:
            raise TemplateFault(why(FaultKind.RENDERED, most=RENDERED_CHARS_MAX))
        rendered.append(text)
    return "".join(rendered)


def is_there(reference: Reference, values: object) -> bool:
    """Whether names lead to a value in decoded JSON."""
    try:
        _value_at(reference, values)
    except LookupError:
        return False
    return True


def _text_at(reference: Reference, values: object) -> str:
    try:
        value = _value_at(reference, values)
    except LookupError:
        raise TemplateFault(why(FaultKind.VALUE_MISSING)) from None
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _value_at(reference: Reference, values: object) -> object:
    """The value that the names lead to.

    Raises:
        LookupError: there is none.
    """
    for name in reference:
        match values:
            case dict():
                values = values[name]
            case list() if isinstance(name, int):
                values = values[name]
            case _:
                raise LookupError
    return values


def _pieces(template: str) -> Iterator[str | Reference]:
    """The template's text, and the references in it."""
    _check_placeholders(template)
    try:
        parsed = _ENVIRONMENT.parse(template)
    except TemplateSyntaxError:  # a word of jinja2's own, or a character that no name has
        raise TemplateFault(_NAMES_ONLY) from None
    for output in parsed.find_all(nodes.Output):
        for piece in output.nodes:
            yield piece.data if isinstance(piece, nodes.TemplateData) else _names(piece)


def _check_placeholders(template: str) -> None:
    """Bounds the work of jinja2, which finds the same placeholders: none may hold a brace or half a string."""
    position = names = 0
    while (opening := _OPENING.search(template, position)) is not None:
        placeholder = _PLACEHOLDER.match(template, opening.start())
        if placeholder is None:
            raise TemplateFault(_NAMES_ONLY)
        position = placeholder.end()
        names += 1 + placeholder[0].count(".") + placeholder[0].count("[")
        if names > NAMES_MAX:
            raise TemplateFault(why(FaultKind.PLACEHOLDER_NAMES, most=NAMES_MAX))


def _names(expression: nodes.Node) -> Reference:
    """The names of an expression that is nothing but names."""
    names: list[str | int] = []
    while not isinstance(expression, nodes.Name):
        match expression:
            case nodes.Getattr(node=inner, attr=name):
                names.append(name)
            case nodes.Getitem(node=inner, arg=nodes.Const(value=name)) if type(name) in {str, int}:
                names.append(name)
            case _:
                raise TemplateFault(_NAMES_ONLY)
        expression = inner
    return (expression.name, *reversed(names))


_ENVIRONMENT: Final = SandboxedEnvironment(keep_trailing_newline=True)
"""It only parses. The sandbox is a second wall, should a template ever be compiled."""
