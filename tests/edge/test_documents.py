"""The document and its page are served as they are kept, to everybody."""

import msgspec
from edge.harness import running_edge
from openapi.kept import kept_document


async def test_the_served_document_is_the_kept_one() -> None:
    async with running_edge() as edge:
        answer = await edge.send("GET", "/openapi.json", headers={"authorization": ""})
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert msgspec.json.decode(answer.body) == kept_document()
    assert answer.headers["x-request-id"]


async def test_the_page_may_fetch_and_run_nothing() -> None:
    async with running_edge() as edge:
        answer = await edge.send("GET", "/docs", headers={"authorization": ""})
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert b"createChatCompletion" in answer.body


async def test_the_documents_are_only_for_get() -> None:
    async with running_edge() as edge:
        for path in ("/openapi.json", "/docs"):
            answer = await edge.send("POST", path)
            assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
