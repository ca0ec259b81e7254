"""The console's Quart application: who may see what, the headers of every answer, and which page makes it.

Every answer says that the page may load nothing but our own script and style sheet, and that nobody may frame it. A page needs a
sign-in. A change needs a sign-in, the CSRF token of it, and the role `operate`. Conversations are for the role `user`, which sees
and changes nothing else.
"""

from typing import Final

from quart import Response
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

from mix2api.console.catalogue import text
from mix2api.console.change_views import ChangeViews
from mix2api.console.conversation_changes import ConversationChanges
from mix2api.console.conversation_views import LIVE, ConversationViews
from mix2api.console.door_views import LONG_FORM_BYTES, DoorViews
from mix2api.console.draft_views import DraftViews
from mix2api.console.options import ConversationOptions
from mix2api.console.page_views import PageViews
from mix2api.console.parts import Console, Turned
from mix2api.console.release_views import ReleaseViews
from mix2api.conversations.events import UnreadableConversation
from mix2api.errors import StoreUnavailable
from mix2api.redaction import place_of

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_UNROUTED: Final = {405: "error.method", 413: "error.too_large"}
"""What Quart refuses by itself -> the text that says so."""


def build_app(console: Console) -> QuartTrio:
    """The application."""
    app = QuartTrio("mix2api.console", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = LONG_FORM_BYTES
    door = DoorViews(console)
    app.before_request(door.check)
    app.add_url_rule("/sign-in", "sign_in", door.sign_in, methods=["POST"])
    app.add_url_rule("/sign-out", "sign_out", door.sign_out, methods=["POST"])
    app.add_url_rule("/language", "language", door.language, methods=["GET"])
    _add_pages(app, console)
    if console.options.conversations is not None:
        _add_conversations(app, console, console.options.conversations)
    _add_errors(app, console)

    @app.after_request
    async def protect(answer: Response) -> Response:
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    return app


def _add_pages(app: QuartTrio, console: Console) -> None:
    views = PageViews(console)
    for path, name, view in (
        ("/", "overview", views.overview),
        ("/runs", "runs", views.runs),
        ("/run", "run", views.run),
        ("/session", "session", views.session),
        ("/processes", "processes", views.processes),
        ("/accounts", "accounts", views.accounts),
        ("/models", "models", views.models),
        ("/settings", "settings", views.settings),
        ("/live/<name>", "live", views.live),
        ("/assets/<name>", "asset", views.asset),
    ):
        app.add_url_rule(path, name, view, methods=["GET"])
    changes = ChangeViews(console)
    app.add_url_rule("/session/retire", "retire", changes.retire, methods=["POST"])
    app.add_url_rule("/accounts/act", "act", changes.act, methods=["POST"])
    app.add_url_rule("/accounts/weigh", "weigh", changes.weigh, methods=["POST"])
    app.add_url_rule("/accounts/unbind", "unbind", changes.unbind, methods=["POST"])
    release = ReleaseViews(console)
    app.add_url_rule("/release", "release", release.show, methods=["GET"])
    app.add_url_rule("/release/report", "report", release.report, methods=["GET"])
    app.add_url_rule("/release", "change_release", release.change, methods=["POST"])


def _add_conversations(app: QuartTrio, console: Console, options: ConversationOptions) -> None:
    views = ConversationViews(console, options)
    drafts = DraftViews(console, options, views)
    for path, name, view in (
        ("/conversations", "conversations", views.listing),
        ("/conversation", "conversation", views.conversation),
        (LIVE, "conversation_live", views.live),
        ("/draft", "draft", drafts.show),
    ):
        app.add_url_rule(path, name, view, methods=["GET"])
    changes = ConversationChanges(console, options, views)
    app.add_url_rule("/conversations", "begin", changes.begin, methods=["POST"])
    app.add_url_rule("/conversation", "say", changes.say, methods=["POST"])
    app.add_url_rule("/conversation/cancel", "cancel", changes.cancel, methods=["POST"])
    app.add_url_rule("/conversation/delete", "delete", changes.delete, methods=["POST"])
    app.add_url_rule("/draft", "edit", drafts.edit, methods=["POST"])
    app.add_url_rule("/draft/publish", "publish", drafts.publish, methods=["POST"])


def _add_errors(app: QuartTrio, console: Console) -> None:
    def failed(status: int, key: str, **values: object) -> Response:
        said = text(console.reader().language, key, **values)
        return console.page("failed", status=status, said=said)

    async def turned(fault: Turned) -> Response:
        return failed(fault.status, fault.key, **fault.values)

    async def away(_: StoreUnavailable) -> Response:
        return failed(503, "error.store")

    async def damaged(_: UnreadableConversation) -> Response:
        return failed(500, "conversations.damaged")

    async def unrouted(fault: HTTPException) -> Response:
        code = fault.code or 400
        return failed(code, _UNROUTED.get(code, "error.not_found"), most=LONG_FORM_BYTES)

    async def broken(fault: Exception) -> Response:
        place = place_of(fault)
        console.logger.error("console.failed", error=place.error, at=place.at)
        return failed(500, "error.broken")

    app.register_error_handler(Turned, turned)
    app.register_error_handler(StoreUnavailable, away)
    app.register_error_handler(UnreadableConversation, damaged)
    app.register_error_handler(HTTPException, unrouted)
    app.register_error_handler(Exception, broken)
