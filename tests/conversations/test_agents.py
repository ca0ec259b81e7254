"""The file of agents."""

import pytest

from mix2api.conversations.agents import ASSISTANT, Agent, agents_by_key, read_agents
from mix2api.errors import ConfigurationError

FILE = """
[[agents]]
key = "writer"
purpose = "writes prose"
instructions = "Write plainly."
model = "m"

[[agents]]
key = "assistant"
purpose = "all else"
"""


def test_agents_are_read_and_the_fallback_is_always_among_them() -> None:
    writer, own = read_agents(FILE, "a.toml")
    assert writer == Agent(key="writer", purpose="writes prose", instructions="Write plainly.", model="m")
    assert (own.instructions, own.model) == ("", None)
    assert agents_by_key([writer]) == {"writer": writer, "assistant": ASSISTANT}
    assert agents_by_key([own])["assistant"] is own


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x", "a.toml: not TOML"),
        ('[[agents]]\nkey = "A"\npurpose = "p"', "a.toml: agents 1: key: must be"),
        ('[[agents]]\nkey = "a"', r"agents 1 \(a\): purpose: missing"),
        ('[[agents]]\nkey = "a"\npurpose = ""', "purpose: must be one line"),
        ('[[agents]]\nkey = "a"\npurpose = "p"\nother = 1', "other: no such field"),
        ('[[agents]]\nkey = "a"\npurpose = "p"\nmodel = "a b"', "model: must be a model's name"),
        ('[[agents]]\nkey = "a"\npurpose = "p"\ninstructions = ""', "instructions: must be"),
        ('[[agents]]\nkey = "a"\npurpose = "p"\n[[agents]]\nkey = "a"\npurpose = "p"', "key: stands twice"),
    ],
)
def test_a_wrong_file_is_refused_with_table_and_field(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        read_agents(text, "a.toml")
