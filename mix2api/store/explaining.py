"""From a request id or a run id to the page that explains the request (`mix2api.projections.explanation`)."""

from attrs import frozen

from mix2api.clock import Clock
from mix2api.projections.explanation import Explanation, explain_refusal, explain_runs
from mix2api.store.finding import find
from mix2api.store.request_file import RequestFile
from mix2api.store.store import Store
from mix2api.vocabulary import RequestId


@frozen(kw_only=True)
class Explained:
    """A request that the store knows."""

    page: Explanation
    file: RequestFile
    """The evidence that the page was made of."""


async def explained(store: Store, word: str, clock: Clock) -> Explained | None:
    """The page of a word. None: nothing is known of it.

    A request id takes three round trips. A run id takes two more, and its session is looked for in the audit.

    Args:
        store: which has the request.
        word: a request id or a run id.
        clock: for finding runs.

    Raises:
        StoreUnavailable: the store does not answer.
    """
    file = await store.files.read(RequestId(word))
    if not file.runs and not file.refusals:
        file = await _file_of_run(store, word, clock)
    page = page_of(file)
    return None if page is None else Explained(page=page, file=file)


async def _file_of_run(store: Store, word: str, clock: Clock) -> RequestFile:
    found = await find(store, word, clock)
    if found is None or found.run_id is None:
        return RequestFile()
    return await store.files.read_run(found.run_id, found.session_id)


def page_of(file: RequestFile) -> Explanation | None:
    """The page of the latest request in a file: of its runs, or of a refusal that came after them. None: the file is empty."""
    refusal = file.refusals[-1] if file.refusals else None
    if not file.runs:
        return None if refusal is None else explain_refusal(refusal)
    request = file.runs[-1].request
    if refusal is not None and request is not None and refusal.at_ms > request.at_ms + _life_ms(file):
        return explain_refusal(refusal)
    return explain_runs(file.runs)


def _life_ms(file: RequestFile) -> int:
    end = file.runs[-1].end
    return 0 if end is None else end.total_ms
