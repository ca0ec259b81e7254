"""The group of tools: how a site is told of them, and how much of them and of their results it is sent."""

# ruff: noqa: RUF009 - `held` is the groups' own field specifier: attrs makes the fields of what it gives

from typing import Final

from attrs import frozen

from mix2api.settings.choices import Think, ToolInstructionMode
from mix2api.settings.readers import Choice, Flag, Whole
from mix2api.settings.setting import Setting, held

_CHARS: Final = Whole(0, 10_000_000)
_CUT: Final = "; what is cut is marked, counted as withheld and told in `x-mix2api-withheld`; 0: no limit"


@frozen(kw_only=True)
class Tools:
    """Tools of the clients.

    What concerns instructions takes effect only without `SEND_UPSTREAM_TOOLS`: a site with native tools gets them unchanged.
    """

    force_call: bool = held(
        Setting(
            "FORCE_TOOL_CALL",
            Flag(),
            "0",
            "a turn with tools must call one, where the caller leaves it open; not the turn that brings results",
        )
    )
    keep_all: bool = held(
        Setting("TOOL_KEEP_ALL", Flag(), "true", "instructions name all tools, not `TOOL_MAX_COUNT` of them")
    )
    max_count: int = held(
        Setting(
            "TOOL_MAX_COUNT",
            Whole(0, 10_000),
            "0",
            "tools that instructions name without `TOOL_KEEP_ALL`: demanded, called before and mentioned ones first; 0: all",
        )
    )
    description_max_chars: int = held(
        Setting(
            "TOOL_DESC_MAX_CHARS",
            _CHARS,
            "0",
            f"longest description of a tool in instructions{_CUT}",
            unit="characters",
        )
    )
    system_prompt_max_chars: int = held(
        Setting(
            "SYSTEM_PROMPT_MAX_CHARS",
            _CHARS,
            "0",
            f"longest system prompt beside tool instructions{_CUT}",
            unit="characters",
        )
    )
    instruction: ToolInstructionMode = held(
        Setting(
            "TOOL_INSTRUCTION_MODE",
            Choice(ToolInstructionMode),
            "both",
            "where a site without native tools is told of them: in `query` (with the newest results), in a system message "
            "of `messages`, in both, or nowhere; what stands in `messages` is not told again on a continued session",
        )
    )
    think: Think = held(
        Setting(
            "MIX2API_THINK",
            Choice(Think),
            "reasoning",
            "where thought goes that a site writes into its text as `<think>…</think>`, or in another model's tags: "
            "`reasoning_content`, or the text, where it stays with its tags; no call is read there in either case",
        )
    )
    result_max_chars: int = held(
        Setting(
            "TOOL_RESULT_MAX_CHARS",
            _CHARS,
            "0",
            f"longest tool result that is sent; of a longer one both ends; comes before every other limit{_CUT}",
            unit="characters",
        )
    )

    @property
    def told_max(self) -> int | None:
        """Tools that are told in words at most; None: all."""
        return None if self.keep_all else self.max_count or None
