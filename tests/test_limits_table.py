"""`docs/limits.md` against the code: every row's setting, default, words, status and fault, and the constants."""

import re
from pathlib import Path

import pytest
from attrs import frozen

from mix2api import descriptors, http_body
from mix2api.actors import environment, run_record, site_bounds, tool_calls
from mix2api.conversations import (
    agents,
    content,
    critic,
    decide,
    draft_reading,
    graph,
    planner,
    routing,
    templates,
)
from mix2api.edge import bodies, options, places, request_head, server
from mix2api.edge.conversations import api, chat, sessions
from mix2api.edge.conversations import routing as pages
from mix2api.endings import ENDINGS
from mix2api.execution import model_calls, turn_words
from mix2api.metrics import admin
from mix2api.process import watchdog
from mix2api.projections import traced_content, traffic
from mix2api.redaction import BODY_LIMIT, TEXT_LIMIT
from mix2api.replies import PIECE_BYTES
from mix2api.sessions import state
from mix2api.sessions.attribution import Cause, http_status
from mix2api.settings.loading import KNOWN
from mix2api.store import conversation_actions, refused_requests, workflows
from mix2api.store.options import SpoolLimits
from mix2api.tools import final_input, strictness
from mix2api.tools.text import loose_structure, offered_tools, parameter_values, recognition, tags
from mix2api.upstreams import damage, refusal, usage
from mix2api.upstreams.credentials import login
from mix2api.upstreams.http import head, retrying
from mix2api.upstreams.mix import answer, surrogates
from mix2api.vocabulary import Detail, EndReason
from mix2api.wire import chat_request, halves, sse_frames, stop_sequences

TABLE = Path(__file__).parents[1] / "docs" / "limits.md"
_WORD = re.compile(r"`([a-z_]+)(?:/([a-z_]+))?`")
_NAME = re.compile(r"`([A-Z][A-Z0-9_]+)`")
_STATUS = re.compile(r"\b([1-5][0-9]{2})\b(?! characters| bytes)")
_BACKED = re.compile(r"`([^`]+)`")


@frozen
class Limit:
    """A row."""

    what: str
    bound: str
    setting: str
    happens: str
    fault: str

    @property
    def cause(self) -> tuple[EndReason, str | None] | None:
        """The `end_reason` and `detail` that it names, None where it names none."""
        for reason, detail in _WORD.findall(self.happens):
            if reason in set(EndReason):
                return EndReason(reason), detail or None
        return None


def _rows() -> list[Limit]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [Limit(*row) for row in cells if row[0] != "what" and not row[0].startswith("---")]


ROWS = _rows()

CONSTANTS: dict[str, int | float] = {
    "one event of a stream, comments and empty lines' fields included": sse_frames.FRAME_LIMIT,
    "lines of one event of a stream": sse_frames.LINE_LIMIT,
    "the head of an answer, interim answers included": head.HEAD_LIMIT,
    "interim answers (1xx) before an answer": head.INTERIM_LIMIT,
    "the line before a chunk, extensions included": http_body._LINE_LIMIT,
    "trailers behind the last chunk": http_body._TRAILER_LIMIT,
    "the site's session and exchange ids": site_bounds.ID_BYTES,
    "the site's id of a tool call": site_bounds.CALL_ID_BYTES,
    "log entries that a run's frames force: new ids, changes of kind": site_bounds.ENTRIES_MAX,
    "frames of a run without content: unknown types, empty deltas, ids said again, usage": (
        site_bounds.EMPTY_FRAMES_MAX
    ),
    "a usage figure": usage._ABSURD - 1,
    "nesting in a site's metadata": damage._DEEPEST,
    "the body of a site's refusal that is read": refusal.REFUSAL_BODY_LIMIT,
    "a site's error text, as a client sees it": TEXT_LIMIT,
    "a site's `retry-after`": retrying.LONGEST_RETRY_AFTER_S,
    "a token endpoint's answer": login._ANSWER_LIMIT,
    "one write to a client, if more than one delta waits": PIECE_BYTES,
    "the rest of a refused body that is read": bodies.DRAIN_BYTES,
    "the time for a request's body": options.EdgeOptions.__attrs_attrs__.body_timeout_s.default,
    "nesting of a body": chat_request.MAX_NESTING,
    "turns that wait for one session": environment.QUEUE_LENGTH,
    "a request's way into the log while Redis is away": run_record.PATIENCE_S,
    "an ending's way into the log while Redis is away": run_record.PATIENCE_S,
    "an ending's way into the log while Redis answers": environment.END_BUSY_LIMIT_S,
    "tool calls in one answer, dropped and broken ones included": tool_calls.CALLS_MAX,
    'enclosures (`{"tool_calls": …}`), and calls in models\' own tags, in the text of one answer': (
        recognition.ENCLOSURES_MAX
    ),
    "a name or a key in a tag of a model, or before its arguments": tags._LONGEST_VALUE,
    "arguments in which required keys are looked for, of a call in a code block behind prose": (
        offered_tools._JUDGED_CHARS
    ),
    "a value in tags that is decoded at once": parameter_values._DECODED_CHARS,
    "a native call's pieces and its final input, compared past their spaces": final_input._COMPARED_CHARS,
    "half characters of a frame that are replaced at once": halves._A_STEP,
    "a delta that is joined with half a character before it": surrogates._LONGEST,
    "stop sequences of a request": stop_sequences.SEQUENCES_MAX,
    "a stop sequence": stop_sequences.SEQUENCE_CHARS,
    "nesting in an enclosure, its own levels included": loose_structure.MAX_NESTING,
    "parts, and calls, of an answer that is one JSON object": answer._PARTS_MAX,
    "text of an answer that is judged for strict calls": strictness._JUDGED_CHARS,
    "`{`, `<` and `[` in such a text": strictness._BEGINNINGS_MAX,
    "fields of a request's head": request_head._FIELDS_MAX,
    "rest between two requests of a connection": server.KEEP_ALIVE_S,
    "connections past that, for `/health` alone": places._RESERVE,
    "connections that the kernel holds until they are accepted": server.BACKLOG,
    "file descriptors, by the hard limit of the system": descriptors._MOST,
    "the loop stands still until it is told of": watchdog.HELD_MS,
    "refused requests of a process with audit entries of their own, in a second": (
        refused_requests.ENTRIES_A_SECOND
    ),
    "refused requests whose entries wait for a store that is away": refused_requests.ENTRIES_HELD,
    "messages of a trace with content": traced_content.MESSAGES_MAX,
    "one text of a trace with content": traced_content.TEXT_MAX,
    "combinations of labels that a process's metrics keep apart": traffic.MOST_CELLS,
    "connections to the admin port at once": admin._CONNECTIONS,
    "a body in a debugging line": BODY_LIMIT,
    "appends that wait for Redis": SpoolLimits().appends,
    "bytes of those": SpoolLimits().size_bytes,
    "tool calls that a session remembers": state.REMEMBERED_CALLS,
    "the body of a request below `/api`": api.BODY_MAX,
    "a message": content.MESSAGE_CHARS,
    "`extraContext` of a message, as JSON": chat.CONTEXT_BYTES,
    "`metaInfo` of a session, as JSON": sessions.META_BYTES,
    "a session's title": content.TITLE_CHARS,
    "a user's id": content.USER_CHARS,
    "entries of a page": pages.PAGE_MAX,
    "turns of a session that have not ended": conversation_actions.OPEN_MAX,
    "earlier turns that a task's model is shown": turn_words.HISTORY_TURNS,
    "drafts that the model is asked for": planner.TRIES,
    "a draft, as the model writes it": draft_reading.DRAFT_CHARS_MAX,
    "nodes of a graph": graph.NODES_MAX,
    "edges of a graph": graph.EDGES_MAX,
    "the input of a node, as its template": graph.INPUT_CHARS_MAX,
    "names in the placeholders of a template": templates.NAMES_MAX,
    "the input of a node, made of its template": templates.RENDERED_CHARS_MAX,
    "the output of a task": model_calls.ANSWER_CHARS,
    "a CRITIC's answer": critic.VERDICT_CHARS_MAX,
    "how often a CRITIC sends its target back": graph.REFINE_MAX,
    "attempts at a task that this deployment could not make": decide.ATTEMPTS_MAX,
    "agents of the file": agents._MOST,
    "the pattern of a definition": routing.PATTERN_CHARS_MAX,
    "definitions of a credential": workflows.DEFINITIONS_MAX,
    "drafts of a credential": workflows.DRAFTS_MAX,
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_a_row_s_setting_exists_and_has_that_default(row: Limit) -> None:
    names = _NAME.findall(row.setting)
    assert names or row.setting == "-"
    for name in names:
        assert name in KNOWN
        assert _BACKED.findall(row.bound)[0] == KNOWN[name].default


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.what)
def test_a_row_s_words_status_and_fault_are_the_code_s(row: Limit) -> None:
    if row.cause is None:
        assert row.fault in {"nobody", "client", "mix2api"}
        return
    reason, detail = row.cause
    assert detail is None or detail in set(Detail)
    assert row.fault == ENDINGS[reason].fault.value
    status = int(_STATUS.findall(row.happens)[0])
    if reason is EndReason.INVALID_REQUEST:
        assert 400 <= status < 500
    else:
        assert status == http_status(Cause(reason, detail), None, headers_sent=False)


def test_constants_are_as_they_are_told() -> None:
    bounds = {row.what: row.bound for row in ROWS}
    told = {what: float(bounds[what].partition(" ")[0].replace(",", "")) for what in CONSTANTS}
    assert told == CONSTANTS


@pytest.mark.parametrize("detail", [Detail.TOO_LARGE, Detail.TOO_MANY, Detail.SILENT])
def test_every_word_for_a_site_without_measure_has_a_row(detail: Detail) -> None:
    assert any(row.cause is not None and row.cause[1] == detail for row in ROWS)


def test_settings_that_bound_what_comes_from_outside_have_a_row() -> None:
    named = {name for row in ROWS for name in _NAME.findall(row.setting)}
    assert named >= {
        "MIX2API_ANSWER_MAX_BYTES",
        "MIX2API_STREAM_BACKLOG_BYTES",
        "MIX2API_UPSTREAM_SILENCE_TIMEOUT_MS",
        "MIX2API_UPSTREAM_TOTAL_TIMEOUT_MS",
        "MIX2API_CLIENT_STALL_S",
        "BODY_SIZE_LIMIT",
        "MIX2API_MAX_CONCURRENCY",
    }
