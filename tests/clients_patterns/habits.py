"""What agents send, as recorded from them; those that speak another protocol translated to Chat Completions by hand.

A `Habit` is one client: its headers, its standing messages and tools, the requests that it makes beside its main
conversation, and how it writes down what it was answered. Texts are shortened; the demo site's directives stand in for
what a model would do.
"""

import json
from collections.abc import Callable
from typing import Any, Final

from attrs import field, frozen
from wire_client import Answer

Written = dict[str, Any]


@frozen
class Got:
    """An answer as a client has read it."""

    text: str
    calls: tuple[tuple[str, str, str], ...] = ()
    """Id, name and argument text of each."""


def got_from(answer: Answer) -> Got:
    """What a client has read of a stream."""
    calls: dict[int, list[str]] = {}
    for choice in answer.choices():
        for piece in choice["delta"].get("tool_calls") or ():
            call = calls.setdefault(piece["index"], ["", "", ""])
            call[0] = piece.get("id") or call[0]
            call[1] = piece["function"].get("name") or call[1]
            call[2] += piece["function"].get("arguments") or ""
    return Got(answer.text(), tuple((id_, name, arguments) for id_, name, arguments in calls.values()))


@frozen(kw_only=True)
class Habit:
    """One client's ways."""

    headers: dict[str, str]
    leading: tuple[Written, ...]
    """System or developer messages, and what else comes before the first question."""
    opening: tuple[Written, ...]
    """The first question: it makes the site say something and call a tool."""
    second: tuple[Written, ...]
    """The next question."""
    tools: tuple[Written, ...]
    echo: Callable[[Got], list[Written]]
    results: Callable[[Got], list[Written]]
    beside: tuple[tuple[Written, ...], ...] = ()
    """Whole histories of its other requests: titles, sub-agents. Under the same headers."""
    beside_tools: tuple[Written, ...] = field(default=())


def tool(name: str, **properties: str) -> Written:
    schema = {"type": "object", "properties": {key: {"type": kind} for key, kind in properties.items()}}
    return {
        "type": "function",
        "function": {"name": name, "description": f"Does {name}.", "parameters": schema},
    }


def _calls(got: Got) -> list[Written]:
    return [
        {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}
        for id_, name, arguments in got.calls
    ]


def _compact(got: Got) -> list[Written]:
    """Calls whose arguments were read as an object and written down anew."""
    again = [
        (id_, name, json.dumps(json.loads(text), separators=(",", ":"))) for id_, name, text in got.calls
    ]
    return _calls(Got(got.text, tuple(again)))


# --- OpenCode: Chat Completions itself; `""` beside calls, two hints that titles and sub-agents share


def _opencode_echo(got: Got) -> list[Written]:
    calls = {"tool_calls": _calls(got)} if got.calls else {}
    return [{"role": "assistant", "content": got.text, **calls}]


def _results(got: Got) -> list[Written]:
    return [
        {"role": "tool", "tool_call_id": id_, "content": f"marker-{name}\n"} for id_, name, _ in got.calls
    ]


_MARK: Final = "ses_e0704f33effevX27dNHnv1hC3w"
_DO_IT: Final = (
    '[[say:I run it.]][[tools:bash{"command": "echo marker-$((40+2))"};bash{"command":"echo second"}]]'
)
OPENCODE: Final = Habit(
    headers={
        "user-agent": "opencode/1.18.33 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14",
        "x-session-affinity": _MARK,
        "x-session-id": _MARK,
    },
    leading=({"role": "system", "content": "You are opencode, an interactive CLI tool."},),
    opening=({"role": "user", "content": f"Do it {_DO_IT}"},),
    second=({"role": "user", "content": "second turn [[say:done]]\n"},),
    tools=(tool("bash", command="string", timeout="integer"), tool("read", path="string")),
    echo=_opencode_echo,
    results=_results,
    beside=(
        (
            {"role": "system", "content": "You are a title generator. You output ONLY a title."},
            {"role": "user", "content": "Generate a title for this conversation:\n"},
            {"role": "user", "content": "Do it [[say:A title]]"},
        ),
    ),
)


# --- Claude Code: content blocks, a system message after the question, a cache mark that moves to the newest block


def _claude_echo(got: Got) -> list[Written]:
    content = [{"type": "text", "text": got.text}] if got.text else None
    calls = {"tool_calls": _compact(got)} if got.calls else {}
    return [{"role": "assistant", "content": content, **calls}]


def _claude_results(got: Got) -> list[Written]:
    """The last one carries the cache mark; they come in the order in which the tools ended."""
    answers: list[Written] = [
        {"role": "tool", "tool_call_id": id_, "content": [{"type": "text", "text": f"marker-{name}"}]}
        for id_, name, _ in reversed(got.calls)
    ]
    answers[-1]["content"][-1]["cache_control"] = {"type": "ephemeral"}
    return answers


def _blocks(*texts: str) -> Written:
    blocks: list[Written] = [{"type": "text", "text": text} for text in texts]
    blocks[-1]["cache_control"] = {"type": "ephemeral"}
    return {"role": "user", "content": blocks}


_CLAUDE_SYSTEM: Final[tuple[Written, ...]] = (
    {
        "role": "system",
        "content": [
            {"type": "text", "text": "You are a Claude agent.", "cache_control": {"type": "ephemeral"}},
            {
                "type": "text",
                "text": "\nYou are an interactive agent.",
                "cache_control": {"type": "ephemeral"},
            },
        ],
    },
)
_AGENTS: Final[Written] = {"role": "system", "content": "Available agent types for the Agent tool: one."}
_REMINDER: Final = "<system-reminder>\nAs you answer the user's questions, mind this.\n</system-reminder>\n"
CLAUDE_CODE: Final = Habit(
    headers={
        "user-agent": "claude-cli/2.1.197 (external, sdk-cli)",
        "x-claude-code-session-id": "1d6d7ffa-5fd7-4d50-a251-1e2fc090442e",
        "x-stainless-retry-count": "0",
        "x-app": "cli",
    },
    leading=_CLAUDE_SYSTEM,
    opening=(_blocks(_REMINDER, f"Do it {_DO_IT}"), _AGENTS),
    second=(_blocks("second [[say:done]]"),),
    tools=(tool("Agent", prompt="string"), tool("bash", command="string")),
    echo=_claude_echo,
    results=_claude_results,
    beside=(
        (*_CLAUDE_SYSTEM, _blocks(_REMINDER, 'sub [[tools:bash{"command":"echo insub"}]]'), _AGENTS),
        (*_CLAUDE_SYSTEM, _blocks(_REMINDER, "sub [[say:two of them]]"), _AGENTS),
    ),
    beside_tools=(tool("bash", command="string"),),
)


# --- Codex: two developer messages, its surroundings as a user message of their own


def _codex_echo(got: Got) -> list[Written]:
    """Text and calls are items of their own there: two messages here."""
    said: list[Written] = (
        [{"role": "assistant", "content": [{"type": "text", "text": got.text}]}] if got.text else []
    )
    called = [{"role": "assistant", "content": None, "tool_calls": [call]} for call in _calls(got)]
    return said + called


CODEX: Final = Habit(
    headers={
        "user-agent": "codex_exec/0.169.0 (Debian 12.0.0; x86_64) dumb (codex_exec; 0.169.0)",
        "session-id": "01a1f8fe-27e1-7442-b6fe-f91f6dde8240",
        "thread-id": "01a1f8fe-27e1-7442-b6fe-f91f6dde8240",
    },
    leading=(
        {"role": "developer", "content": [{"type": "text", "text": "You are a coding agent."}]},
        {
            "role": "developer",
            "content": [
                {"type": "text", "text": "<skills_instructions>\n## Skills\n</skills_instructions>"},
                {"type": "text", "text": "<permissions instructions>\n</permissions instructions>"},
            ],
        },
    ),
    opening=(
        {"role": "user", "content": "<environment_context>\n  <cwd>/home/dev</cwd>\n</environment_context>"},
        {"role": "user", "content": f"Do it {_DO_IT}"},
    ),
    second=({"role": "user", "content": "second [[say:done]]"},),
    tools=(tool("bash", command="string"), tool("apply_patch", input="string")),
    echo=_codex_echo,
    results=_results,
)

HABITS: Final = {"opencode": OPENCODE, "claude code": CLAUDE_CODE, "codex": CODEX}


def passed_on(message: Written) -> Written:
    """A message as a gateway passes it on: texts joined, marks and unknown keys gone, no text beside calls."""
    content = message["content"]
    if isinstance(content, list):
        content = "".join(part["text"] for part in content)
    kept = {key: message[key] for key in ("role", "tool_calls", "tool_call_id") if key in message}
    role = "system" if message["role"] == "developer" else message["role"]
    return {**kept, "role": role, "content": None if message.get("tool_calls") else content}
