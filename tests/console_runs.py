"""Runs with receipts in a real store, for the tests of the console."""

from session_scripts import accept, chunk, conclude, good_run
from stored_runs import new_session, store_script

from mix2api.clock import SystemClock
from mix2api.events.log import GivenEnding
from mix2api.identity import Mint
from mix2api.store.store import Store
from mix2api.vocabulary import ChunkKind, Detail, EndReason, Receipt, RequestId, RunId


async def ended(store: Store, request_id: str, told: EndReason = EndReason.STOP, **fields: object) -> RunId:
    """A run that ended so, and its receipt."""
    run, session = Mint(store.seal, SystemClock()).run_id(), new_session(store)
    script = [
        accept(run, request_id=RequestId(request_id), **fields),
        chunk(ChunkKind.OPEN, run, 12),
        chunk(ChunkKind.ERROR, run, 1980, cause=told, detail=Detail.IDLE.value, upstream_status=200),
        conclude(run, 1981),
    ]
    if told is EndReason.STOP:
        script = good_run(run, request_id=RequestId(request_id), **fields)
    await store_script(store, session, script)
    receipt = Receipt.WRITTEN if told is EndReason.STOP else Receipt.ERROR_WRITTEN
    store.log.receipt(GivenEnding(session, run, RequestId(request_id), receipt, told))
    assert await store.log.writer.drain(5)
    return run
