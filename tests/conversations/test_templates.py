"""Templates: they name values, and do nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.conversations.templates import (
    NAMES_MAX,
    RENDERED_CHARS_MAX,
    TemplateFault,
    references,
    render,
)

_VALUES: dict[str, Any] = {
    "context": {
        "message": "hello",
        "items": [1, {"a": None}],
        "a-b": True,
        "secret": {"deep": "{{context.message}}"},
    },
    "nodes": {"a": {"output": "first\n"}},
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("no placeholder", "no placeholder"),
        ("{{context.message}}", "hello"),
        ("<{{ nodes.a.output }}>\n", "<first\n>\n"),
        ("{{context['a-b']}}", "true"),
        ("{{ context . items [ 0 ] }}", "1"),
        ('{{context["message"]}}!', "hello!"),
        ("{{context.items}}", '[1,{"a":null}]'),
        ("{{context.items[0]}}", "1"),
        ("{{context.items[1].a}}", "null"),
        ("{{context.secret.deep}}", "{{context.message}}"),
        ("a }} b } { {x}", "a }} b } { {x}"),
        ('{"a": {"b": {"c": 1}}}', '{"a": {"b": {"c": 1}}}'),
        ("one\r\ntwo", "one\ntwo"),
        ("say {{context.message}}\n\n", "say hello\n\n"),
    ],
)
def test_a_text_stands_as_it_is_and_other_values_as_json(template: str, text: str) -> None:
    assert render(template, _VALUES) == text


def test_references_are_the_names_of_each_placeholder() -> None:
    template = "{{nodes.a.output}} {{context.items[1]}} {{context['a b']}} {{x}} {{x}}"
    assert references(template) == {
        ("nodes", "a", "output"),
        ("context", "items", 1),
        ("context", "a b"),
        ("x",),
    }


@pytest.mark.parametrize(
    "template",
    [
        "{{context.absent}}",
        "{{context.message.upper}}",
        "{{context.items.append}}",
        "{{context.items['0']}}",
        "{{context.items[2]}}",
        "{{context.message[0]}}",
        "{{context.keys}}",
        "{{context.__class__}}",
        "{{nodes.b.output}}",
        "{{self}}",
    ],
)
def test_what_is_not_there_is_a_fault_and_pythons_attributes_never_are(template: str) -> None:
    with pytest.raises(TemplateFault, match=r"^names a value that is not there$"):
        render(template, _VALUES)


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(1000000000) %}x{% endfor %}",
        "{% include 'file' %}",
        "{% raw %}",
        "{# remark #}",
        "{{ 'x' * 1000000000 }}",
        "{{ 'x' }}",
        "{{ 7 }}",
        "{{ context.message() }}",
        "{{ context.message | upper }}",
        "{{ context.message ~ context.message }}",
        "{{ context.message if true else 1 }}",
        "{{ context[context.message] }}",
        "{{ context.items[0:1] }}",
        "{{ context.items[true] }}",
        "{{ [context] }}",
        "{{ {'a': 1} }}",
        "{{ context.a, context.b }}",
        "{{ none }}",
        "{{ not }}",
        "{{ ² }}",
        "{{ 9a }}",
        "{{ a.0 }}",
        "{{ a[" + "9" * 5000 + "] }}",
        "{{ }}",
        "{{",
        "{{ context.message",
        "{{ context.message }",
        "{{ '}}' }}",
        '{{ "}}" + context.message }}',
        "{{ 'a\\'b' }}",
        "{{ " + "(" * 1900 + " }}",
        "{{ " + "[" * 1900 + " }}",
        "{{ " + "not " * 450 + "a }}",
        "{" * 20_000,
    ],
)
def test_all_else_is_a_fault_that_says_what_is_allowed(template: str) -> None:
    with pytest.raises(TemplateFault, match=r"^may hold placeholders such as "):
        references(template)


def test_names_are_bounded_together() -> None:
    longest = "{{context.message}}" * (NAMES_MAX // 2)
    assert render(longest, _VALUES) == "hello" * (NAMES_MAX // 2)
    for template in (longest + "{{a}}", "{{a" + ".b" * NAMES_MAX + "}}", "{{a" + "[0]" * NAMES_MAX + "}}"):
        with pytest.raises(TemplateFault, match=f"^has more than {NAMES_MAX} names in its placeholders$"):
            references(template)


def test_a_path_of_many_names_is_read_like_any_other() -> None:
    (reference,) = references("{{a" + ".b" * 199 + "}}")
    assert reference == ("a", *["b"] * 199)


def test_a_rendered_text_is_bounded() -> None:
    values = {"context": {"message": "x" * (RENDERED_CHARS_MAX // 2)}}
    assert len(render("{{context.message}}" * 2, values)) == RENDERED_CHARS_MAX
    with pytest.raises(TemplateFault, match=f"^gives more than the {RENDERED_CHARS_MAX}"):
        render("{{context.message}}" * 2 + "!", values)


def test_text_of_any_kind_passes_through_a_placeholder() -> None:
    assert render("{{context.message}}", {"context": {"message": "\ud800{{x}}\r\n"}}) == "\ud800{{x}}\r\n"


@given(st.text(alphabet="{}%#'\"\\ a.[]0-+|(\n", max_size=60))
def test_any_text_is_rendered_or_refused(template: str) -> None:
    try:
        named = references(template)
    except TemplateFault:
        return
    assert all(named)
    if not named:
        assert render(template, {}) == template
