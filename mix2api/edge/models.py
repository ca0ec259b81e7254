"""The configured models in OpenAI's shape (FR5, FR7). A model that is not listed is accepted all the same."""

from typing import Any

from mix2api.edge.auth import Authenticator
from mix2api.edge.request import EdgeRequest
from mix2api.errors import NotFound


class ModelEndpoints:
    """`/v1/models` and `/v1/models/<id>`.

    Args:
        models: ids, in the order in which they are shown.
        created_s: Unix seconds; OpenAI's clients want a number, ours is the start of the process.
        authenticator: both routes need a credential, as OpenAI's do.
    """

    def __init__(self, models: tuple[str, ...], created_s: int, authenticator: Authenticator) -> None:
        self._models = {
            name: {"id": name, "object": "model", "created": created_s, "owned_by": "mix2api"}
            for name in models
        }
        self._authenticator = authenticator

    def listing(self, request: EdgeRequest) -> dict[str, Any]:
        """All of them."""
        self._authenticator.caller(request.given)
        return {"object": "list", "data": list(self._models.values())}

    def one(self, request: EdgeRequest, model_id: str) -> dict[str, Any]:
        """One of them; ids contain slashes.

        Raises:
            NotFound: not configured.
        """
        self._authenticator.caller(request.given)
        found = self._models.get(model_id)
        if found is None:
            raise NotFound(
                "The model does not exist: GET /v1/models lists those that do.",
                param="model",
                code="model_not_found",
            )
        return found
