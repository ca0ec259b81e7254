"""The document as one page of HTML: no script, no style sheet and no font from elsewhere, so it works without a network. Pure."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, Final

import msgspec

Json = dict[str, Any]

PAGE_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""The `content-security-policy` of the page: nothing is fetched and nothing runs, whatever an example holds."""
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h2{border-top:1px solid #ccc;padding-top:1rem}code,pre{font:13px/1.4 ui-monospace,monospace}"
    "pre{background:#f5f5f5;padding:.6rem;overflow:auto;max-height:24rem}"
    "table{border-collapse:collapse;width:100%}td,th{border:1px solid #ddd;padding:.3rem .5rem;"
    "text-align:left;vertical-align:top}.method{background:#246;color:#fff;padding:.1rem .4rem;border-radius:3px}"
)


def page_of(document: Json) -> bytes:
    """The page of a document that `mix2api.openapi.document` made."""
    info = document["info"]
    title = f"{info['title']} {info['version']}"
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1><p>{escape(info['description'])}</p>",
        f'<p>As a document: <a href="openapi.json">OpenAPI {escape(document["openapi"])}</a>.</p>',
        *_contents(document),
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts += _operation(path, method, operation)
    parts.append("<h2>Schemas</h2>")
    for name, schema in document["components"]["schemas"].items():
        parts += _schema(name, schema)
    return "".join([*parts, "</body></html>\n"]).encode()


def _contents(document: Json) -> Iterator[str]:
    yield "<ul>"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            anchor = f'<a href="#{escape(operation["operationId"])}">{_route(path, method)}</a>'
            yield f"<li>{anchor} {escape(operation['summary'])}</li>"
    yield "</ul>"


def _route(path: str, method: str) -> str:
    return f'<span class="method">{escape(method.upper())}</span> <code>{escape(path)}</code>'


def _operation(path: str, method: str, operation: Json) -> Iterator[str]:
    yield f'<h2 id="{escape(operation["operationId"])}">{_route(path, method)}</h2>'
    yield f"<p>{_words(operation['summary'])}. {_words(operation.get('description', ''))}</p>"
    if operation["security"]:
        yield "<p>Needs a key: <code>authorization: Bearer …</code>, <code>x-api-key</code> or <code>api-key</code>.</p>"
    if aliases := operation.get("x-mix2api-aliases"):
        yield f"<p>Also at {', '.join(f'<code>{escape(alias)}</code>' for alias in aliases)}.</p>"
    rows = [
        (f"<code>{escape(each['name'])}</code>", escape(each["in"]), _words(each["description"]))
        for each in operation.get("parameters", ())
    ]
    yield from _table(("parameter", "in", "meaning"), rows)
    if body := operation.get("requestBody"):
        yield "<h3>Request</h3>"
        yield from _media(body["content"])
    for status, answer in operation["responses"].items():
        yield f"<h3>{escape(status)}</h3><p>{_words(answer['description'])}</p>"
        yield from _media(answer["content"])


def _media(content: Json) -> Iterator[str]:
    for media, each in content.items():
        name = each["schema"].get("$ref", "").rpartition("/")[2]
        link = f': <a href="#schema-{escape(name)}">{escape(name)}</a>' if name else ""
        yield f"<p><code>{escape(media)}</code>{link}</p>"
        for title, example in each.get("examples", {}).items():
            yield f"<details><summary>{escape(title)}</summary><pre>{_shown(example['value'])}</pre></details>"


def _shown(value: Any) -> str:
    """An example: a stream as it came, anything else as indented JSON."""
    text = (
        value
        if isinstance(value, str)
        else msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    )
    return escape(text)


def _schema(name: str, schema: Json) -> Iterator[str]:
    yield f'<h3 id="schema-{escape(name)}">{escape(name)}</h3>'
    required = schema.get("required", ())
    rows = [
        (
            f"<code>{escape(field)}</code>{' *' if field in required else ''}",
            _type(each),
            _words(each.get("description", "")),
        )
        for field, each in schema["properties"].items()
    ]
    yield from _table(("field (* required)", "type", "meaning"), rows)


def _type(schema: Json) -> str:
    """A schema in one cell."""
    for combined in ("anyOf", "allOf"):
        if combined in schema:
            return " or ".join(_type(each) for each in schema[combined])
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if "enum" in schema:
        return " or ".join(f"<code>{_shown(each)}</code>" for each in schema["enum"])
    kind = escape(schema.get("type", "any"))
    items = f" of {_type(schema['items'])}" if "items" in schema else ""
    return kind + items + (" or null" if schema.get("nullable") else "")


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """A table, unless it is empty. Cells are HTML."""
    if rows:
        yield f"<table><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>"
        for row in rows:
            yield f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
        yield "</table>"


def _words(text: str) -> str:
    """A sentence with `code` in it, as HTML."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))
