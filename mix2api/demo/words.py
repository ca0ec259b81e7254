"""The table of directives: every word that a prompt can hold, what it takes and what it does. Data only.

The parser (`mix2api.demo.directives`), the command's `--help` and the tests all read this one table.
"""

from enum import StrEnum
from typing import Final

from attrs import frozen

_HOUR_MS: Final = 3_600_000


class Word(StrEnum):
    """What may stand between `[[` and `]]`."""

    SAY = "say"
    CHUNKS = "chunks"
    SIZE = "size"
    PACE = "pace"
    UNICODE = "unicode"
    HUGE = "huge"
    REASONING = "reasoning"
    USAGE = "usage"
    UNKNOWN_FRAMES = "unknown_frames"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    NO_REASON = "no_reason"
    FINISH = "finish"
    NO_EXCHANGE = "no_exchange"
    NO_SESSION = "no_session"
    IDS_LATE = "ids_late"
    NO_IDS = "no_ids"
    TOOLS = "tools"
    TOOLS_WHOLE = "tools_whole"
    TOOLS_INTERLEAVED = "tools_interleaved"
    TEXT_TOOLS = "text_tools"
    BAD_TOOL = "bad_tool"
    SERVER_TOOL = "server_tool"
    SLOW_HEAD = "slow_head"
    HANG = "hang"
    SILENT = "silent"
    SILENCE = "silence"
    GARBAGE = "garbage"
    STATUS = "status"
    TOO_MANY = "429"
    HTML = "html"
    JSON = "json"
    JSON_ERROR = "json_error"
    ERROR_BEFORE = "error_before"
    ERROR_MID = "error_mid"
    ERROR_NO_FINISH = "error_frame_no_finish"
    ABORT = "abort"
    CUT = "cut"
    CUT_MID_FRAME = "cut_mid_frame"
    BAD_JSON = "bad_json"
    FORGET = "forget"
    SWAP = "swap"
    ONCE = "once"
    ASKS = "asks"
    STUCK = "stuck"
    ONLY = "only"
    ONLY_MODEL = "only_model"
    QUOTA = "quota"
    DRAFTS = "drafts"
    VERDICT = "verdict"


FAULTS: Final = frozenset(
    {
        *(Word.SLOW_HEAD, Word.HANG, Word.SILENT, Word.SILENCE, Word.GARBAGE, Word.STATUS, Word.TOO_MANY),
        *(Word.QUOTA, Word.HTML, Word.JSON_ERROR, Word.ERROR_BEFORE, Word.ERROR_MID, Word.ERROR_NO_FINISH),
        *(Word.ABORT, Word.CUT, Word.CUT_MID_FRAME, Word.BAD_JSON),
    }
)
"""Words by which the site refuses, fails or is slow: an account has them for itself with `only`, a model with `only_model`."""


class Takes(StrEnum):
    """What stands after the word's colon."""

    NOTHING = ""
    NUMBER = ":N"
    TEXT = ":TEXT"
    MAYBE_TEXT = "[:TEXT]"
    CHOICE = "[:CHOICE]"
    CHOICES = "[:CHOICE,…]"
    CALLS = ":name{json};…"


@frozen
class Rule:
    """One row: the meaning, and the bounds of the value."""

    meaning: str
    takes: Takes = Takes.NOTHING
    smallest: int = 0
    largest: int = _HOUR_MS
    choices: tuple[str, ...] = ()
    """The first one stands when the word comes without a value."""


def _number(meaning: str, smallest: int = 0, largest: int = _HOUR_MS) -> Rule:
    return Rule(meaning, Takes.NUMBER, smallest, largest)


def _choice(meaning: str, *choices: str) -> Rule:
    return Rule(meaning, Takes.CHOICE, choices=choices)


RULES: Final[dict[Word, Rule]] = {
    Word.SAY: Rule("answer TEXT (may be empty), cut into deltas of `size` characters", Takes.TEXT),
    Word.CHUNKS: _number("answer N numbered deltas", 1, 1_000_000),
    Word.SIZE: _number(
        "N characters per delta; without other words of the answer, numbered deltas", 1, 1_000_000
    ),
    Word.PACE: _number("N milliseconds between deltas"),
    Word.UNICODE: Rule("answer numbered deltas with U+2028, an emoji and CJK in each"),
    # 256 MiB: far over any frame limit worth testing, still within a small machine's memory.
    Word.HUGE: _number("answer one delta of N times the letter x", 1, 1 << 28),
    Word.REASONING: Rule("reason TEXT before answering", Takes.TEXT),
    Word.USAGE: _choice(
        "where token usage is told: in a frame of its own (as without this word), in the finish, or not at all",
        "data",
        "metadata",
        "finish",
        "none",
    ),
    Word.UNKNOWN_FRAMES: Rule("mix comments, other SSE fields and frames of unknown types in"),
    Word.LENGTH: Rule("finish with `length`"),
    Word.CONTENT_FILTER: Rule("finish with `content-filter`"),
    Word.NO_REASON: Rule("finish without a reason"),
    Word.FINISH: Rule("finish with the reason TEXT", Takes.TEXT),
    Word.NO_EXCHANGE: Rule("name the session only"),
    Word.NO_SESSION: Rule("give the session's id as the exchange's, and no session's"),
    Word.IDS_LATE: _choice(
        "name the ids in the middle, in the finish, or as top-level fields of the start",
        "middle",
        "finish",
        "top",
    ),
    Word.NO_IDS: Rule("never name the ids"),
    Word.TOOLS: Rule(
        "call tools natively, arguments in deltas; several groups are steps of a loop", Takes.CALLS
    ),
    Word.TOOLS_WHOLE: Rule("call tools natively, without deltas", Takes.CALLS),
    Word.TOOLS_INTERLEAVED: Rule("call tools natively, their deltas mixed", Takes.CALLS),
    Word.TEXT_TOOLS: Rule("call tools as JSON in the text", Takes.CALLS),
    Word.BAD_TOOL: Rule("call the tool TEXT with arguments that are no JSON", Takes.TEXT),
    Word.SERVER_TOOL: _choice("run a tool of the site's own first", "runs", "throws"),
    Word.SLOW_HEAD: _number("wait N milliseconds before the status line"),
    Word.HANG: Rule("take the request and never answer"),
    Word.SILENT: Rule("send head and first frame, then nothing for ever"),
    Word.SILENCE: _number("pause N milliseconds in the middle"),
    Word.GARBAGE: Rule("answer something that is not HTTP and close"),
    Word.STATUS: _number("answer with the status N (300-599) and an error as JSON", 300, 599),
    Word.TOO_MANY: _number("answer 429 with `Retry-After: N` seconds"),
    Word.QUOTA: _number("answer 429 `usage_limit_reached`: the account's quota comes back in N seconds"),
    Word.HTML: Rule("answer 200 with a page of HTML"),
    Word.JSON: _choice(
        "answer in a non-streaming form though a stream was asked for", "content", "text", "parts", "whole"
    ),
    Word.JSON_ERROR: Rule("answer 200 with an error as JSON", Takes.MAYBE_TEXT),
    Word.ERROR_BEFORE: Rule("error frame (with TEXT) before the first delta, no finish", Takes.MAYBE_TEXT),
    Word.ERROR_MID: Rule("error frame (with TEXT) in the middle, finish `error`", Takes.MAYBE_TEXT),
    Word.ERROR_NO_FINISH: Rule(
        "error frame (with TEXT) in the middle, then the end of the body", Takes.MAYBE_TEXT
    ),
    Word.ABORT: Rule("abort frame in the middle, no finish"),
    Word.CUT: _choice("end in the middle without finish: of the body, or of the connection", "body", "close"),
    Word.CUT_MID_FRAME: _choice(
        "close in the middle of a frame, or reset the connection there", "close", "reset"
    ),
    Word.BAD_JSON: Rule("a frame in the middle that is no JSON"),
    Word.FORGET: _choice(
        "forget the session before this answer (404 if continued), or after it", "now", "after"
    ),
    Word.SWAP: _choice(
        "answer a continued session under another id: this time, or next time", "now", "after"
    ),
    Word.ASKS: _choice("(runtime) ask the user, and wait for the answer", "permission", "question"),
    Word.STUCK: Rule("(runtime) never become idle, not even after an abort"),
    Word.ONCE: Rule(
        "obey the other words of this text only the first time that the key TEXT is seen", Takes.TEXT
    ),
    Word.DRAFTS: Rule(
        "asked to plan: the n-th draft is of the n-th kind, further ones of the last",
        Takes.CHOICES,
        choices=(
            *("good", "single", "chain", "wide", "summed_up", "fenced", "hanging", "hanging_once", "failing"),
            *("cyclic", "empty", "prose", "broken", "huge", "many", "stranger", "hostile", "missing"),
        ),
    ),
    Word.VERDICT: _choice(
        "asked to judge: let it pass, or not, or only what was sent back once, or say no verdict",
        *("pass", "fail", "once", "prose"),
    ),
    Word.ONLY: Rule("refuse, fail and be slow for calls with the token TEXT only", Takes.TEXT),
    Word.ONLY_MODEL: Rule("refuse, fail and be slow for calls for the model TEXT only", Takes.TEXT),
}


def directive_help() -> str:
    """The table as lines for `--help`: one word a line."""
    lines = []
    for word, rule in RULES.items():
        value = f"[:{'|'.join(rule.choices)}]" if rule.choices else rule.takes
        lines.append(f"  [[{word}{value}]]  {rule.meaning}")
    return "\n".join(lines)
