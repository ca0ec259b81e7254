"""`/openapi.json` and `/docs`: what the routes take and answer, for tools and for readers. Open to all: nothing in it is secret."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from attrs import frozen

from mix2api.edge.answers import JSON, Headers
from mix2api.openapi.document import openapi_document, openapi_json
from mix2api.openapi.operations import PAGE
from mix2api.openapi.page import PAGE_POLICY, page_of
from mix2api.openapi.recorded import recorded_examples

_PAGE_HEADERS: Final = (("content-type", PAGE), ("content-security-policy", PAGE_POLICY))


@frozen
class Document:
    """One body that never changes within a process."""

    headers: Headers
    body: bytes


@cache
def served_documents() -> Mapping[str, Document]:
    """Path -> what GET answers there. Made once in a process, in some 20 ms: before anything is served."""
    examples = recorded_examples()
    return MappingProxyType(
        {
            "/openapi.json": Document([JSON], openapi_json(examples)),
            "/docs": Document(list(_PAGE_HEADERS), page_of(openapi_document(examples))),
        }
    )
