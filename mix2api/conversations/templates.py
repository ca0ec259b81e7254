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

RENDERED_CHARS_MAX: Final = 2_000_000
"""Characters of a rendered input: more than any model reads, and 5 ms of work."""
PLACEHOLDERS_CHARS_MAX: Final = 2_000
"""Characters of all placeholders of a template, with their braces: enough to name all nodes of the largest graph. jinja2
takes 13 ms to parse the worst of that length, and 0.5 s for one ten times as long."""
_OPENING: Final = re.compile(r"\{[{%#]")
_PLACEHOLDER: Final = re.compile(r"\{\{(?:[^{}'\"\\]|'[^'{}\\]*'|\"[^\"{}\\]*\")*\}\}")
_NAMES_ONLY: Final = "may hold placeholders such as {{nodes.a.output}} or {{context.message}}, and nothing else in {{ }}, {% %} and {# #}"

Reference = tuple[str | int, ...]
"""The names of a placeholder, at least one: `("nodes", "a", "output")`."""


class TemplateFault(Exception):
    """A template that cannot be used. The message says what is allowed, and quotes nothing."""


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
            raise TemplateFault(f"gives more than the {RENDERED_CHARS_MAX} characters that an input may have")
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
        raise TemplateFault("names a value that is not there") from None
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
    except (TemplateSyntaxError, RecursionError):
        raise TemplateFault(_NAMES_ONLY) from None
    for output in parsed.find_all(nodes.Output):
        for piece in output.nodes:
            yield piece.data if isinstance(piece, nodes.TemplateData) else _names(piece)


def _check_placeholders(template: str) -> None:
    """Bounds the work of jinja2. It finds the same placeholders, as none may hold a brace or half a string."""
    position = total = 0
    while (opening := _OPENING.search(template, position)) is not None:
        placeholder = _PLACEHOLDER.match(template, opening.start())
        if placeholder is None:
            raise TemplateFault(_NAMES_ONLY)
        position = placeholder.end()
        total += position - opening.start()
        if total > PLACEHOLDERS_CHARS_MAX:
            raise TemplateFault(f"has placeholders of more than {PLACEHOLDERS_CHARS_MAX} characters together")


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
