"""The page shows all of the document, and runs and fetches nothing."""

from html.parser import HTMLParser

from mix2api.openapi.document import openapi_document
from mix2api.openapi.page import page_of
from mix2api.openapi.recorded import Recorded, recorded_examples

DOCUMENT = openapi_document(recorded_examples())
_VOID = {"meta"}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert name in {"href", "id", "class", "lang", "charset"}, name
            if name == "href":
                self.links.append(value or "")
            if name == "id":
                self.ids.add(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _read(page: bytes) -> _Reader:
    reader = _Reader()
    reader.feed(page.decode())
    reader.close()
    assert reader.open == []
    return reader


def test_every_route_schema_and_example_is_shown() -> None:
    read = _read(page_of(DOCUMENT))
    for path, methods in DOCUMENT["paths"].items():
        assert path in read.text
        for operation in methods.values():
            assert operation["operationId"] in read.ids
    assert {f"schema-{name}" for name in DOCUMENT["components"]["schemas"]} <= read.ids
    for name in recorded_examples():
        assert name in read.text


def test_every_link_leads_to_a_place_on_the_page_or_to_the_document() -> None:
    read = _read(page_of(DOCUMENT))
    assert {link for link in read.links if link.removeprefix("#") not in read.ids} == {"openapi.json"}


def test_the_page_has_nothing_that_runs_or_is_fetched() -> None:
    assert _read(page_of(DOCUMENT)).tags.isdisjoint({"script", "link", "img", "iframe", "object", "form"})


def test_what_an_example_holds_stays_text() -> None:
    planted = Recorded(
        operation="getModel", status=200, media="application/json", answer={"id": "<script>alert(1)</script>"}
    )
    read = _read(page_of(openapi_document({"planted": planted})))
    assert "script" not in read.tags
    assert "<script>alert(1)</script>" in read.text
