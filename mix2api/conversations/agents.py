"""The agents that a plan's nodes may name, and the file that lists them (`MIX2API_CONVERSATIONS_AGENTS_FILE`, TOML). Pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import field, frozen

from mix2api.conversations.graph import FALLBACK_AGENT
from mix2api.errors import ConfigurationError
from mix2api.toml_table import named_table, tables_in

_MOST: Final = 100
"""Agents of a file: a planner is shown all of them."""
_FIELDS: Final = ("key", "purpose", "instructions", "model")
_TEXT: Final = re.compile(r"(?s).{1,20000}")
_PURPOSE: Final = re.compile(r".{1,500}")
_MODEL: Final = re.compile(r"\S{1,256}")


@frozen(kw_only=True)
class Agent:
    """One agent: what the model is told when a node names it."""

    key: str
    purpose: str
    """A line for the planner: what the agent is good at."""
    instructions: str = field(default="", repr=False)
    """The system message of its calls; empty: none."""
    model: str | None = None
    """None: the model of conversations."""


ASSISTANT: Final = Agent(key=FALLBACK_AGENT, purpose="answers anything")
"""The agent of nodes that name none, where the file has no agent of that key."""


def agents_by_key(agents: Iterable[Agent]) -> Mapping[str, Agent]:
    """The agents, the fallback always among them."""
    return {FALLBACK_AGENT: ASSISTANT, **{agent.key: agent for agent in agents}}


def read_agents(text: str, path: str) -> tuple[Agent, ...]:
    """The agents of a file: `[[agents]]` with `key`, `purpose`, and perhaps `instructions` and `model`.

    Args:
        text: the file's content.
        path: named in errors.

    Raises:
        ConfigurationError: names the first table and field that is wrong.
    """
    agents: dict[str, Agent] = {}
    for number, said in enumerate(tables_in(text, path, "agents", _MOST), start=1):
        table = named_table(said, f"{path}: agents {number}", "key")
        table.check_names(_FIELDS, ("key", "purpose"))
        key = table.own_name("key")
        if key in agents:
            raise ConfigurationError(f"{table.where}: key: stands twice")
        instructions = "instructions" in table.said
        agents[key] = Agent(
            key=key,
            purpose=table.text("purpose", _PURPOSE, "one line of 1 to 500 characters"),
            instructions=table.text("instructions", _TEXT, "1 to 20000 characters") if instructions else "",
            model=table.text("model", _MODEL, "a model's name") if "model" in table.said else None,
        )
    return tuple(agents.values())
