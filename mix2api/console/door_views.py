"""The door's pages: signing in and out, the language; and the check that every request passes before its page is made."""

from typing import Final

from attrs import frozen
from quart import Response, request

from mix2api.console.catalogue import Language, text
from mix2api.console.parts import LANGUAGE, Console, Turned, set_cookie
from mix2api.console.sign_in import COOKIE, SignedIn
from mix2api.console.tokens import Role

_OPEN: Final = frozenset({"/sign-in", "/language"})
"""Paths that need no sign-in; assets need none either."""
CONVERSATIONS: Final = frozenset(
    {
        *("/conversations", "/conversation", "/conversation/live", "/conversation/cancel"),
        *("/conversation/delete", "/draft", "/draft/publish"),
    }
)
"""What a user may see and change, and nobody else: conversations are content."""
FORM_BYTES: Final = 64 * 1024
"""Of a form."""
LONG_FORM_BYTES: Final = 4 * 1024 * 1024
"""Of a form that a user fills, as `multipart/form-data`: a message of the longest kind in any script. Reading it takes 30 ms
of CPU, piece by piece. The other encoding of forms takes seventy times as long, at one go, and is not given so much room."""
_YEAR_S: Final = 31_536_000
_FROM_US: Final = frozenset({"same-origin", "none"})
"""Of `Sec-Fetch-Site`: our own page, or the reader's own doing. Old browsers do not send it."""


@frozen
class DoorViews:
    """The views.

    Args:
        console: whose door it is.
    """

    console: Console

    async def check(self) -> Response | None:
        """Before every request. Gives the answer of one that may not pass.

        Raises:
            Turned: the page needs another role, or a change does not come from a page of this sign-in.
        """
        if request.path in _OPEN or request.path.startswith("/assets/"):
            return None
        signed_in = self.console.reader().signed_in
        if request.method not in {"GET", "HEAD"}:
            await self._check_change(signed_in)
            return None
        if signed_in is not None:
            return _kept_apart(signed_in)
        if request.headers.get("sec-fetch-site") == "cross-site":
            # A link on another site's page: the browser keeps the cookie back. It sends it once we lead to our own page.
            return self.console.page("onward", stateless=True)
        target = own_path(request.full_path.removesuffix("?"))
        return self.console.page("sign_in", status=401, stateless=True, wrong=None, target=target)

    async def sign_in(self) -> Response:
        """Takes a token, and gives a cookie for it.

        Raises:
            Turned: another site's page sent the form, or the form is too large.
        """
        if request.headers.get("sec-fetch-site", "same-origin") not in _FROM_US:
            raise Turned(403, "error.csrf")
        _check_size(None)
        console, form, address = self.console, await request.form, request.remote_addr or ""
        target = own_path(form.get("target", ""))
        wait_s = console.door.wait_s(address)
        signed_in = console.door.try_token(form.get("token", "").strip(), address)
        if signed_in is None:
            console.logger.warning("console.turned_away", why="wait" if wait_s else "token")
            return self._turned_away(target, wait_s)
        console.logger.info("console.signed_in", admin=signed_in.admin, role=signed_in.role.value)
        answer = see_other(target)
        set_cookie(answer, signed_in, console.door.session_s)
        return answer

    async def sign_out(self) -> Response:
        """Ends the sign-in."""
        signed_in = self.console.reader().signed_in
        if signed_in is not None:
            self.console.door.sign_out(signed_in)
        answer = see_other("/")
        answer.delete_cookie(COOKIE, path="/")
        return answer

    async def language(self) -> Response:
        """Keeps the reader's language, and leads back."""
        chosen = request.args.get("to", "")
        answer = see_other(own_path(request.args.get("target", "")))
        if chosen in set(Language):
            answer.set_cookie(LANGUAGE, chosen, max_age=_YEAR_S, path="/", samesite="Lax", httponly=True)
        return answer

    def _turned_away(self, target: str, wait_s: int) -> Response:
        language = self.console.reader().language
        wrong = text(language, "sign_in.wait", seconds=wait_s) if wait_s else text(language, "sign_in.wrong")
        status = 429 if wait_s else 403
        answer = self.console.page("sign_in", status=status, stateless=True, wrong=wrong, target=target)
        if wait_s:
            answer.headers["retry-after"] = str(wait_s)
        return answer

    async def _check_change(self, signed_in: SignedIn | None) -> None:
        if signed_in is None:
            raise Turned(403, "error.csrf")
        _check_size(signed_in)
        form = await request.form
        if not self.console.door.is_csrf(signed_in, form.get("csrf", "")):
            raise Turned(403, "error.csrf")
        if request.path in CONVERSATIONS and signed_in.role is not Role.USER:
            raise Turned(403, "error.users_only")
        if request.path not in {"/sign-out", *CONVERSATIONS} and not signed_in.may_operate:
            raise Turned(403, "error.role")


def _check_size(signed_in: SignedIn | None) -> None:
    """Refuses a form that is too large before it is read.

    Args:
        signed_in: who sends it. None: a stranger, whose forms are short.

    Raises:
        Turned: it is, or does not say how large it is.
    """
    is_user = signed_in is not None and signed_in.role is Role.USER
    most = LONG_FORM_BYTES if is_user and request.mimetype == "multipart/form-data" else FORM_BYTES
    if request.content_length is None or request.content_length > most:
        raise Turned(413, "error.too_large", most=most)


def _kept_apart(signed_in: SignedIn) -> Response | None:
    """Keeps users to their conversations, and admins out of them.

    Raises:
        Turned: the page is not for this role.
    """
    is_theirs, is_user = request.path in CONVERSATIONS, signed_in.role is Role.USER
    if is_user and request.path == "/":
        return see_other("/conversations")
    if is_user and not is_theirs:
        raise Turned(404, "error.not_found")
    if is_theirs and not is_user:
        raise Turned(403, "error.users_only")
    return None


def see_other(path: str) -> Response:
    """Leads the browser to a page of ours."""
    return Response("", 303, headers={"location": path})


def own_path(target: str) -> str:
    r"""A path on this console, whatever was asked for: `//host` and `/\host` would lead elsewhere."""
    is_ours = target.startswith("/") and target[1:2] not in {"/", "\\"} and target.isprintable()
    return target if is_ours else "/"
