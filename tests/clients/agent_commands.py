"""Agents that are programs of their own: how each is started, what it tells, and what it is asked. Data, and their outputs read.

Each walks through the same turns in a working folder that holds `notes.txt`: a question, a task for one of its own tools,
and another question, all in one conversation of the agent's.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from asks import SeenUsage
from attrs import frozen
from installing import COMMANDS, HERE, PYTHON, node
from systems import KEY, MODELS

from mix2api.vocabulary import ClientName

NOTES: Final = "The blue moon stands over the lake."
"""What `notes.txt` holds: only a tool that has run can know it."""


@frozen
class AgentSeen:
    """What an agent told of one turn."""

    text: str
    """Its last words; all that it said where it failed."""
    usage: SeenUsage | None = None


@frozen
class Turn:
    """One turn."""

    prompt: str
    """`%FOLDER%` in it becomes the working folder."""
    says: str
    """Must stand in the agent's last words."""


@frozen(kw_only=True)
class Agent:
    """An agent. `%FOLDER%`, `%URL%`, `%KEY%`, `%MODEL%` and `%PROMPT%` in its words become what they name."""

    name: str
    known_as: ClientName
    needs: str
    """The group of `installing` that has it."""
    first: tuple[str, ...]
    then: tuple[str, ...] | None = None
    """The words of a later turn; None: it cannot go on."""
    files: Mapping[str, str] = {}
    """What it reads its configuration from; relative to the folder that is its home."""
    environ: Mapping[str, str] = {}
    turns: tuple[Turn, ...]
    read: Callable[[str], AgentSeen]
    sessions: int | None = 1
    """Sessions with tools in its conversation. None: it changes its own history or its instructions between turns, so that
    turns begin afresh, with the whole history."""


_QUESTION: Final = Turn(
    "What can you tell me about rivers?", "You asked: “What can you tell me about rivers?”"
)
_TASK: Final = Turn("Read %FOLDER%/notes.txt", NOTES)
_AGAIN: Final = Turn("And what about lakes?", "You asked: “And what about lakes?”")
_TURNS: Final = (_QUESTION, _TASK, _AGAIN)


def _json_lines(told: str) -> Iterator[dict[str, Any]]:
    for line in told.splitlines():
        with suppress(ValueError):  # beside its events an agent writes words of its own
            if isinstance(event := json.loads(line), dict):
                yield event


def _usage(prompt: int, completion: int) -> SeenUsage:
    return SeenUsage(prompt, completion, prompt + completion)


def _read_llm(told: str) -> AgentSeen:
    usage = re.search(r"Token usage: ([\d,]+) input, ([\d,]+) output", told)
    counts = [int(each.replace(",", "")) for each in usage.groups()] if usage is not None else None
    return AgentSeen(told, counts and _usage(*counts))


def _read_codex(told: str) -> AgentSeen:
    text, usage = "", None
    for event in _json_lines(told):
        item = event.get("item", {})
        if item.get("type") == "agent_message":
            text = item["text"]
        if event["type"] == "turn.completed":
            usage = _usage(event["usage"]["input_tokens"], event["usage"]["output_tokens"])
    return AgentSeen(text or told, usage)


def _read_opencode(told: str) -> AgentSeen:
    text, usage = "", None
    for event in _json_lines(told):
        part = event.get("part", {})
        if event["type"] == "text":
            text = part["text"]
        if event["type"] == "step_finish":
            usage = _usage(part["tokens"]["input"], part["tokens"]["output"])
    return AgentSeen(text or told, usage)


def _read_qwen(told: str) -> AgentSeen:
    start = told.find('[{"type"')
    if start < 0:
        return AgentSeen(told)
    events, _ = json.JSONDecoder().raw_decode(told[start:])
    last = events[-1]
    usage = last["usage"]
    return AgentSeen(str(last.get("result", told)), _usage(usage["input_tokens"], usage["output_tokens"]))


def _read_smolagents(told: str) -> AgentSeen:
    for seen in _json_lines(told):
        return AgentSeen(seen["text"], _usage(seen["input"], seen["output"]))
    return AgentSeen(told)


_LLM: Final = (str(PYTHON.with_name("llm")), *["--model", "demo", "--usage", "--functions", "tools.py"])
_QWEN: Final = (
    node(),
    str(COMMANDS / "qwen-code" / "node_modules" / ".bin" / "qwen"),
    *["--auth-type", "openai", "--yolo", "--output-format", "json", "--prompt", "%PROMPT%"],
)
_OPENCODE: Final = str(next(COMMANDS.glob("opencode/node_modules/opencode-linux-*/bin/opencode"), "opencode"))
_CODEX: Final = (node(), str(COMMANDS / "codex" / "node_modules" / ".bin" / "codex"), "exec")
_CODEX_OPTIONS: Final = (
    *["--skip-git-repo-check", "--json", "--dangerously-bypass-approvals-and-sandbox"],
    "%PROMPT%",
)
_LLM_TURNS: Final = (_QUESTION, Turn("Use read_notes for the page 1", NOTES), _AGAIN)
_LLM_FILES: Final = {
    "llm/extra-openai-models.yaml": "- {model_id: demo, model_name: %MODEL%, api_base: %URL%, supports_tools: true,"
    " api_key_name: mix2api}\n",
    "llm/keys.json": '{"mix2api": "%KEY%"}',
    "folder/tools.py": "def read_notes(page: int) -> str:\n    'The notes of a page.'\n    return open('notes.txt').read()\n",
}

AGENTS: Final = (
    Agent(
        name="llm",
        known_as=ClientName.OPENAI_PYTHON,
        needs="python",
        first=(*_LLM, "%PROMPT%"),
        then=(*_LLM, "--continue", "%PROMPT%"),
        files=_LLM_FILES,
        environ={"LLM_USER_PATH": "%HOME%/llm"},
        turns=_LLM_TURNS,
        read=_read_llm,
    ),
    Agent(
        name="llm, whole",
        known_as=ClientName.OPENAI_PYTHON,
        needs="python",
        first=(*_LLM, "--no-stream", "%PROMPT%"),
        then=(*_LLM, "--no-stream", "--continue", "%PROMPT%"),
        files=_LLM_FILES,
        environ={"LLM_USER_PATH": "%HOME%/llm"},
        turns=_LLM_TURNS,
        read=_read_llm,
    ),
    Agent(
        name="smolagents",
        known_as=ClientName.OPENAI_PYTHON,
        needs="python",
        first=(
            str(PYTHON),
            str(HERE / "programs" / "smolagents_agent.py"),
            "%URL%",
            "%KEY%",
            "%MODEL%",
            "%PROMPT%",
        ),
        turns=(Turn("Use read_notes for the page 1", NOTES),),
        sessions=None,
        read=_read_smolagents,
    ),
    Agent(
        name="qwen-code",
        known_as=ClientName.QWEN_CODE,
        needs="qwen-code",
        first=_QWEN,
        then=(*_QWEN, "--continue"),
        environ={"OPENAI_API_KEY": "%KEY%", "OPENAI_BASE_URL": "%URL%", "OPENAI_MODEL": "%MODEL%"},
        turns=_TURNS,
        sessions=None,
        read=_read_qwen,
    ),
    Agent(
        name="opencode",
        known_as=ClientName.OPENCODE,
        needs="opencode",
        first=(_OPENCODE, "run", "--format", "json", "%PROMPT%"),
        then=(_OPENCODE, "run", "--continue", "--format", "json", "%PROMPT%"),
        files={
            "folder/opencode.json": json.dumps(
                {
                    "provider": {
                        "mix2api": {
                            "npm": "@ai-sdk/openai-compatible",
                            "options": {"baseURL": "%URL%", "apiKey": "%KEY%"},
                            "models": {"%MODEL%": {}},
                        }
                    },
                    "model": "mix2api/%MODEL%",
                }
            )
        },
        environ={"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"},
        turns=_TURNS,
        read=_read_opencode,
    ),
    Agent(
        name="codex",
        known_as=ClientName.CODEX,
        needs="codex",
        first=(*_CODEX, *_CODEX_OPTIONS),
        then=(*_CODEX, "resume", "--last", *_CODEX_OPTIONS),
        files={
            "codex/config.toml": 'model = "%MODEL%"\nmodel_provider = "mix2api"\nweb_search = "disabled"\n'
            '[model_providers.mix2api]\nname = "mix2api"\nbase_url = "%URL%"\nenv_key = "MIX2API_KEY"\n'
            'wire_api = "responses"\n',
        },
        environ={"CODEX_HOME": "%HOME%/codex", "MIX2API_KEY": "%KEY%"},
        turns=_TURNS,
        read=_read_codex,
    ),
)
MODEL: Final = MODELS[0]
WRONG_KEY: Final = f"{KEY}-wrong"
