"""The routes of kept responses: which requests take them."""

import pytest

from mix2api.edge.kept_responses import route_of


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/v1/responses/resp_1", "/v1/responses/<response_id>"),
        ("DELETE", "/responses/resp_1/", "/responses/<response_id>"),
        ("GET", "/v1/v1/responses/resp_1/input_items", "/v1/v1/responses/<response_id>/input_items"),
        ("POST", "/v1/responses/resp_1/cancel", "/v1/responses/<response_id>/cancel"),
        ("POST", "/v1/responses/resp_1", None),
        ("GET", "/v1/responses/resp_1/cancel", None),
        ("POST", "/v1/responses/input_tokens", None),
        ("GET", "/v1/responses/a b", None),
        ("GET", "/v1/responses", None),
        ("GET", "/v1/models/responses", None),
    ],
)
def test_a_path_and_a_method_make_a_route(method: str, path: str, route: str | None) -> None:
    assert route_of(method, path) == route
