"""The credentials of accounts: read from where the file's references lead, kept in memory, and read again when refused."""

from collections.abc import Mapping, Sequence

import trio

from mix2api.accounts.account import Account
from mix2api.errors import ConfigurationError
from mix2api.upstreams.credentials.reference import credential_at


class Secrets:
    """One credential an account.

    Args:
        accounts: with their references.
        environ: the environment.
        path: of the accounts file, for errors.

    Raises:
        ConfigurationError: a reference leads to no credential. Names file, account and field, never the credential.
    """

    def __init__(self, accounts: Sequence[Account], environ: Mapping[str, str], path: str) -> None:
        self._environ = environ
        self._references = {account.id: account.credential for account in accounts}
        self._known: dict[str, str] = {}
        for account in accounts:
            secret = credential_at(account.credential, environ)
            if secret is None:
                where = f"{path}: account {account.id}: credential"
                raise ConfigurationError(f"{where}: {account.credential} leads to no credential")
            self._known[account.id] = secret

    def of(self, account_id: str) -> str:
        """The account's credential."""
        return self._known[account_id]

    async def renewed(self, account_id: str, refused: str) -> bool:
        """Reads the credential again, unless another call has done so since; gives whether it is another one now.

        One that cannot be read stays as it was.

        Args:
            account_id: whose.
            refused: the credential that its upstream has refused.
        """
        if self._known[account_id] == refused:
            reference = self._references[account_id]
            secret = await trio.to_thread.run_sync(credential_at, reference, self._environ)
            if secret is not None:
                self._known[account_id] = secret
        return self._known[account_id] != refused
