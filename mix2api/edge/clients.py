"""Which of the known clients sent a request. A closed list, because the name goes into logs, metrics and events."""

from collections.abc import Mapping
from typing import Final

from mix2api.vocabulary import ClientName

_BY_USER_AGENT: Final = (
    # The first that is contained wins. Products stand before the SDKs that they are built on: OpenCode's agent string
    # names the AI SDK too. Seen in captures of the real clients.
    (b"opencode/", ClientName.OPENCODE),
    (b"claude-cli/", ClientName.CLAUDE_CODE),
    (b"claude-code", ClientName.CLAUDE_CODE),
    (b"codex", ClientName.CODEX),
    (b"qwencode/", ClientName.QWEN_CODE),
    (b"qwen-code", ClientName.QWEN_CODE),
    (b"kilo-code", ClientName.KILO_CODE),
    (b"kilocode", ClientName.KILO_CODE),
    (b"roo-code", ClientName.ROO_CODE),
    (b"roocode", ClientName.ROO_CODE),
    (b"cline", ClientName.CLINE),
    (b"cursor", ClientName.CURSOR),
    (b"crush", ClientName.CRUSH),
    (b"goose", ClientName.GOOSE),
    (b"aider", ClientName.AIDER),
    (b"openhands", ClientName.OPENHANDS),
    (b"continue/", ClientName.CONTINUE),
    (b"zed/", ClientName.ZED),
    (b"githubcopilot", ClientName.COPILOT),
    (b"smolagents", ClientName.SMOLAGENTS),
    (b"agents/python", ClientName.OPENAI_AGENTS),
    (b"litellm", ClientName.LITELLM),
    (b"langchain", ClientName.LANGCHAIN),
    (b"pydantic-ai/", ClientName.PYDANTIC_AI),
    (b"new-api", ClientName.NEW_API),
    (b"ai-sdk/", ClientName.AI_SDK),
    (b"ai-sdk-provider-utils/", ClientName.AI_SDK),
    (b"openai/python", ClientName.OPENAI_PYTHON),
    (b"asyncopenai/python", ClientName.OPENAI_PYTHON),
    (b"openai/js", ClientName.OPENAI_NODE),
    (b"curl/", ClientName.CURL),
)
WORD_HEADERS: Final = (b"x-client", b"x-client-id", b"x-client-name", b"x-client_name")
"""Headers in which a client says its word, the first one first."""
_BY_WORD: Final = {name.value.encode(): name for name in ClientName}


def client_of(given: Mapping[bytes, bytes]) -> ClientName:
    """The client by its own word, if that is on the list, else by its User-Agent, else `other`.

    Args:
        given: header name in lower case -> value.
    """
    said = word_of(given)
    named = _BY_WORD.get(said.lower().replace(b"-", b"_")) if said is not None else None
    if named is not None:
        return named
    agent = given.get(b"user-agent", b"").lower()
    return next((name for mark, name in _BY_USER_AGENT if mark in agent), ClientName.OTHER)


def word_of(given: Mapping[bytes, bytes]) -> bytes | None:
    """The client's own word, whether it is on the list or not: it keeps two applications behind one credential apart."""
    return next((given[name] for name in WORD_HEADERS if given.get(name)), None)
