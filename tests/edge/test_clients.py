from pathlib import Path

import msgspec
import pytest

from mix2api.edge.clients import WORD_HEADERS, client_of, word_of
from mix2api.vocabulary import ClientName

CAPTURES = Path(__file__).parent.parent / "data" / "captures"


@pytest.mark.parametrize(
    ("capture", "client"),
    [
        ("opencode_turn1", ClientName.OPENCODE),
        ("sdk_openai_python", ClientName.OPENAI_PYTHON),
        ("sdk_openai_node", ClientName.OPENAI_NODE),
        ("sdk_ai_openai_compatible", ClientName.AI_SDK),
        ("sdk_pydantic_ai", ClientName.PYDANTIC_AI),
        ("sdk_openai_agents", ClientName.OPENAI_AGENTS),
    ],
)
def test_real_clients_are_known_by_their_user_agent(capture: str, client: ClientName) -> None:
    headers = msgspec.json.decode((CAPTURES / f"{capture}.json").read_bytes())["headers"]
    assert client_of({b"user-agent": headers["user-agent"].encode()}) is client


@pytest.mark.parametrize("name", ClientName)
def test_a_client_may_name_itself(name: ClientName) -> None:
    assert client_of({b"x-client": name.value.encode(), b"user-agent": b"curl/8.5.0"}) is name


@pytest.mark.parametrize("said", [b"", b"secret", b"curl "])
def test_a_name_that_is_not_on_the_list_is_not_believed(said: bytes) -> None:
    assert client_of({b"x-client": said, b"user-agent": b"claude-cli/2.1"}) is ClientName.CLAUDE_CODE


def test_all_others_are_other() -> None:
    assert client_of({}) is ClientName.OTHER
    assert client_of({b"user-agent": b"Mozilla/5.0"}) is ClientName.OTHER


def test_the_seventh_ai_sdk_is_known_too() -> None:
    assert (
        client_of({b"user-agent": b"ai/7.0.173 ai-sdk-provider-utils/5.0.81 node.js/22"}) is ClientName.AI_SDK
    )


@pytest.mark.parametrize(
    ("agent", "client"),
    [
        (b"QwenCode/0.10.3 (linux; x64)", ClientName.QWEN_CODE),
        (b"Kilo-Code/4.99.0", ClientName.KILO_CODE),
        (b"RooCode/3.25.4", ClientName.ROO_CODE),
        (b"Cline/3.20.0", ClientName.CLINE),
        (b"Charm Crush/0.9", ClientName.CRUSH),
        (b"GitHubCopilotChat/0.30", ClientName.COPILOT),
        (b"Zed/0.200.1 (linux; x86_64)", ClientName.ZED),
    ],
)
def test_today_s_agents_are_known(agent: bytes, client: ClientName) -> None:
    assert client_of({b"user-agent": agent}) is client


@pytest.mark.parametrize("header", WORD_HEADERS)
@pytest.mark.parametrize("said", [b"claude-code", b"Claude_Code"])
def test_a_client_may_say_its_word_in_each_of_four_headers(header: bytes, said: bytes) -> None:
    assert client_of({header: said}) is ClientName.CLAUDE_CODE


def test_the_first_word_counts_and_a_word_on_no_list_is_kept() -> None:
    given = {b"x-client": b"", b"x-client-name": b"shop", b"x-client_name": b"curl"}
    assert (word_of(given), client_of(given)) == (b"shop", ClientName.OTHER)
    assert word_of({}) is None
