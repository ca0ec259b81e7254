import pytest

from mix2api.demo.offers import OfferedTool
from mix2api.demo.picks import name_words, picks_of

AGENT = tuple(
    OfferedTool(name, description)
    for name, description in (
        ("bash", "Executes a given bash command in a persistent shell session."),
        ("edit", "Performs exact string replacements in files."),
        ("webfetch", "Fetches content from a URL"),
        ("glob", "Fast file pattern matching tool that works with any codebase size"),
        ("grep", "Fast content search tool that works with any codebase size"),
        ("read", "Reads a file from the local filesystem. Any file can be read, hello or not."),
        ("write", "Writes a file to the local filesystem."),
        ("todowrite", "Use this tool to manage a structured task list for your coding session."),
        ("task", "Launch a new agent to handle complex tasks autonomously."),
    )
)
SDK = (
    OfferedTool("get_weather", "Get current temperature for a given location."),
    OfferedTool("send_email", "Send an email to a recipient."),
    OfferedTool("weather_forecast"),
    OfferedTool("getCurrentTime"),
    OfferedTool("mcp__files__read_file"),
)


def asked_for(text: str, tools: tuple[OfferedTool, ...]) -> list[str]:
    return [pick.tool.name for pick in picks_of(text, tools)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("What's the weather in Paris?", ["get_weather"]),
        ("Use weather_forecast: the weather in Paris", ["weather_forecast"]),
        ("What is the current temperature?", ["get_weather"]),
        ("Send an email to Bob", ["send_email"]),
        ("What time is it?", ["getCurrentTime"]),
        ("Read the file a.txt", ["mcp__files__read_file"]),
        ("用get_weather查一下北京", ["get_weather"]),
        ("北京天气怎么样？", ["get_weather"]),  # noqa: RUF001 - Chinese
        ("The weather and the time, please", ["get_weather", "getCurrentTime"]),
        ("Is it raining in Tokyo?", ["get_weather"]),
        ("Will the weather be fine on that day?", ["get_weather"]),
        ("Hello, how are you?", []),
        ("", []),
    ],
)
def test_words_of_a_name_ask_for_the_tool(text: str, names: list[str]) -> None:
    assert asked_for(text, SDK) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Read README.md", ["read"]),
        ("Run `ls`", ["bash"]),
        ("Please show me main.py", ["read"]),
        ("Can you list the files?", ["glob"]),
        ("Search for TODO", ["grep"]),
        ("Find all python files", ["glob"]),
        ("Create a.txt, then read it", ["write", "read"]),
        ("Read a.txt and read b.txt", ["read", "read"]),
        ("列出文件", ["glob"]),
        ("Use the bash tool to list the files", ["bash"]),
    ],
)
def test_a_verb_that_begins_a_clause_asks_for_an_agent_s_tool(text: str, names: list[str]) -> None:
    assert asked_for(text, AGENT) == names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Read README.md", "exec_command"),
        ("Show the image a.png", "view_image"),
        ("Run `ls`", "exec_command"),
    ],
)
def test_a_verb_asks_for_a_tool_with_a_thing_of_its_own_only_beside_that_thing(text: str, name: str) -> None:
    assert asked_for(text, (OfferedTool("view_image"), OfferedTool("exec_command"))) == [name]


@pytest.mark.parametrize(
    "text",
    [
        "Hello",
        "Explain how a hash map works",
        "I like to think about the task that I read of",
        "What is the edit distance of two words?",
        "Why do people write tests?",
    ],
)
def test_a_question_that_holds_such_a_word_asks_for_nothing(text: str) -> None:
    assert asked_for(text, AGENT) == []


def test_a_clause_ends_where_the_next_tool_is_asked_for() -> None:
    clauses = [pick.clause for pick in picks_of("Read a.txt and read b.txt", AGENT)]
    assert clauses == ["Read a.txt and ", "read b.txt"]


def test_only_a_name_makes_a_pick_certain() -> None:
    assert [pick.certain for pick in picks_of("Run it with the read tool", AGENT)] == [False, True]
    assert [pick.certain for pick in picks_of("Is it the temperature?", SDK)] == [False]


def test_a_text_asks_for_a_few_tools_at_most() -> None:
    assert len(picks_of("read a. " * 400, AGENT)) == 8


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("getWeather", {"weather"}),
        ("get_weather_v2", {"weather", "v", "2"}),
        ("HTTPFetch", {"http", "fetch"}),
        ("set", {"set"}),
        ("_", {"_"}),
    ],
)
def test_a_name_falls_into_the_words_that_say_something(name: str, words: set[str]) -> None:
    assert name_words(name) == words
