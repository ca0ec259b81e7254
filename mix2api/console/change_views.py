"""The views that change something. The door has checked sign-in, CSRF token and role before (`door_views`)."""

from attrs import frozen
from quart import Response, request

from mix2api.console.accounts import AccountsPage
from mix2api.console.asking import address
from mix2api.console.door_views import see_other
from mix2api.console.parts import Console, Turned
from mix2api.console.session import DONE
from mix2api.identity import is_session_id
from mix2api.vocabulary import SessionId


@frozen
class ChangeViews:
    """The views. Each leaves a line in the log that says which admin did what.

    Args:
        console: whose they are.
    """

    console: Console

    async def retire(self) -> Response:
        """Retires a session, and leads back to its page, which says what became of it.

        Raises:
            Turned: the form names no session.
        """
        session_id = (await request.form).get("session", "")
        if not is_session_id(session_id):
            raise Turned(400, "error.bad_query", field="session")
        retirement = await self.console.ports.retire(SessionId(session_id))
        said = "asked" if retirement is None else retirement.value
        self.console.tell_change("retire", session_id, said)
        is_done = retirement in DONE
        return see_other(address("/session", {"id": session_id, "said": None if is_done else said}))

    async def act(self) -> Response:
        """Says an operator's word of an account, and leads back to the accounts.

        Raises:
            Turned: there is no such account or word.
        """
        form = await request.form
        upstream, account, action = (form.get(name, "") for name in ("upstream", "account", "action"))
        if not await AccountsPage(self.console.ports.pools).act(upstream, account, action):
            raise Turned(400, "error.bad_query", field="account, action")
        self.console.tell_change(action, account, "done")
        return see_other("/accounts")

    async def weigh(self) -> Response:
        """Sets an account's weight, and leads back to the accounts.

        Raises:
            Turned: there is no such account, or the weight is not allowed.
        """
        form = await request.form
        upstream, account, weight = (form.get(name, "") for name in ("upstream", "account", "weight"))
        if not await AccountsPage(self.console.ports.pools).weigh(upstream, account, weight.strip()):
            raise Turned(400, "error.bad_query", field="account, weight")
        self.console.tell_change("weight", account, weight.strip())
        return see_other("/accounts")

    async def unbind(self) -> Response:
        """Removes an API key's binding to its account, and leads back to the bindings.

        Raises:
            Turned: the form names no upstream, or no key.
        """
        form = await request.form
        upstream, api_key = form.get("upstream", ""), form.get("key", "")
        was_bound = await AccountsPage(self.console.ports.pools).unbind(upstream, api_key)
        if was_bound is None:
            raise Turned(400, "error.bad_query", field="upstream, key")
        self.console.tell_change("unbind", api_key, "done" if was_bound else "repeat")
        return see_other(address("/accounts", {"bindings": upstream}) + "#bindings")
