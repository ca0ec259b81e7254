"""Which histories begin with a summary: each agent's shape, and what only looks like one."""

from typing import Any

import pytest
from histories import Given, answer, calling, messages, result, user

from mix2api.sessions.compaction import HEADS, QUESTION, summary_in

SUMMARY = "1. Primary Request and Intent: build the parser"
CLAUDE = (
    "This session is being continued from a previous conversation that ran out of context. The summary below covers the "
    f"earlier portion of the conversation.\n\nSummary:\n{SUMMARY}"
)
CODEX = (
    "Another language model started to solve this problem and produced a summary of its thinking process. You also have "
    f"access to the state of the tools that were used by that language model.\n{SUMMARY}"
)
CHECKPOINT = f"<conversation-checkpoint>\nThe following is a summary.\n\n<summary>\n{SUMMARY}\n</summary>"
REMINDER = "<system-reminder>\nAs you answer, be brief.\n</system-reminder>"
CONTEXT = user("<environment_context>\n  <cwd>/home/dev</cwd>\n</environment_context>")
CONTINUE = user(
    "Continue if you have next steps, or stop and ask for clarification if you are unsure how to proceed."
)


def parts(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text} for text in texts]


COMPACTED: dict[str, list[Given]] = {
    "Claude Code": [user(CLAUDE)],
    "Claude Code, behind reminders in the same part": [user(f"{REMINDER}\n{REMINDER}\n\n{CLAUDE}")],
    "Claude Code, in parts": [user(parts(REMINDER, CLAUDE, "go on"))],
    "Claude Code, with messages that it kept": [user(CLAUDE), answer("done"), user("now the tests")],
    "Codex, in the middle of a turn": [CONTEXT, user("build it"), user("in Python"), user(CODEX)],
    "Codex, before a turn": [
        *(user("build it"), user(CODEX)),
        *({"role": "developer", "content": "<permissions instructions>"}, CONTEXT, user("next")),
    ],
    "OpenCode 1": [user(QUESTION), answer(SUMMARY), CONTINUE],
    "OpenCode 1, with turns that it kept": [
        *(user(QUESTION), answer(SUMMARY)),
        *(user("now the tests"), calling("{}"), result(), answer("done"), user("and lint")),
    ],
    "OpenCode 2": [user(CHECKPOINT), user("now the tests")],
    **{head: [user(f"\n{head} {SUMMARY}")] for head in HEADS},
}
OTHERS: dict[str, list[Given]] = {
    "nothing": [],
    "an opening": [user("build it")],
    "a conversation": [user("build it"), answer("done"), user("more")],
    "a quoted summary": [user(f"What does this mean?\n{CLAUDE}")],
    "a reminder without an end": [user(f"<system-reminder>{CLAUDE}")],
    "a summary in a reminder": [user(f"<system-reminder>{CLAUDE}</system-reminder>")],
    "white space": [user(" " * 100_000 + CLAUDE)],
    "a user who asks what was done": [user(QUESTION)],
    "a user who asks for more than that": [user(f"{QUESTION} And why?"), answer(SUMMARY)],
    "a user who asked something else since": [user(QUESTION), user("build it"), answer("done")],
    "a user who asks it later": [user("build it"), answer("done"), user(QUESTION), answer(SUMMARY)],
    "a summary behind an answer": [user("build it"), answer("done"), user(CODEX)],
    "a summary behind a result": [result(), user(CODEX)],
    "a summary that is an instruction": [{"role": "system", "content": CLAUDE}, user("build it")],
    "a summary that is far back": [*[user("one more")] * 2000, user(CODEX)],
    "an image": [user([{"type": "image_url", "image_url": {"url": "https://a/b.png"}}])],
}


@pytest.mark.parametrize("kind", COMPACTED)
def test_the_summary_of_each_agent_is_found(kind: str) -> None:
    summary = summary_in(messages(*COMPACTED[kind]))
    assert summary is not None
    assert SUMMARY in summary


@pytest.mark.parametrize("kind", OTHERS)
def test_other_histories_begin_with_none(kind: str) -> None:
    assert summary_in(messages(*OTHERS[kind])) is None
