"""Which calls were written strictly."""

import pytest

from mix2api.tools.strictness import strict_calls


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("no call", 0),
        ('{"tool_calls":[{"name":"f"},{"name":"g"}]}', 2),
        ('so: {"tool_call": {"name":"f"}} and { "tool_calls" : [ {"name":"f"} ] }.', 2),
        ('{"tool_calls":[{"name":"f","arguments":{"x":"{\\"tool_call\\": 1}"}}]}', 1),
        ("{'tool_calls':[{'name':'f'}]}", 0),
        ("{tool_call: (name: f)}", 0),
        ('{"tool_calls":[{"name":"f"}', 0),
        ('{"tool_calls":' + "[" * 100_000, 0),
        ('{"tool_call":{}} {"tool_call":', 1),
        ('<tool_call>\n{"name":"f"}\n</tool_call><tool_call>{"name":"g"}</tool_call>', 2),
        ("<tool_call>{'name':'f'}</tool_call>", 0),
        ('[TOOL_CALLS] [{"name":"f"}, {"name":"g"}]', 2),
        ('[TOOL_CALLS]f[ARGS]{"a": 1}[TOOL_CALLS]g[ARGS]{}', 2),
        ('[TOOL_CALLS]f[ARGS]{"a": 1,}', 0),
        ('<function=f>{"a": 1}</function>', 1),
        ("<tool_call><function=f><parameter=a>\n1\n</parameter></function></tool_call>", 1),
        (
            "<tool_call>f</tool_call><tool_call>g\n<arg_key>a</arg_key><arg_value>1</arg_value>\n</tool_call>",
            2,
        ),
    ],
)
def test_only_valid_json_counts(text: str, calls: int) -> None:
    assert strict_calls(text) == calls


def test_a_text_that_is_too_long_to_be_judged_has_none() -> None:
    written = '{"tool_call": {"name": "f", "arguments": {"text": "%s"}}}'
    assert strict_calls(written % ("x" * 999_000)) == 1
    assert strict_calls(written % ("x" * 1_000_000)) == 0
    assert strict_calls(written % ("<" * 99_997)) == 1
    assert strict_calls(written % ("<" * 99_998)) == 0
