from edge.harness import running_edge


async def test_the_configured_models_are_listed_in_openais_shape() -> None:
    async with running_edge() as edge:
        listing = (await edge.send("GET", "/v1/models")).json()
    assert listing["object"] == "list"
    assert [model["id"] for model in listing["data"]] == ["mix/one", "mix/two"]
    assert {(model["object"], model["owned_by"], type(model["created"])) for model in listing["data"]} == {
        ("model", "mix2api", int)
    }


async def test_one_model_is_found_by_an_id_with_a_slash() -> None:
    async with running_edge() as edge:
        plain = await edge.send("GET", "/v1/models/mix/two")
        escaped = await edge.send("GET", "/v1/models/mix%2Ftwo")
    assert plain.json()["id"] == "mix/two"
    assert escaped.json() == plain.json()


async def test_an_unknown_model_is_404_and_not_echoed() -> None:
    async with running_edge() as edge:
        answer = await edge.send("GET", "/v1/models/secret")
    assert answer.status == 404
    assert (answer.error()["code"], answer.error()["param"]) == ("model_not_found", "model")
    assert b"secret" not in answer.body


async def test_models_are_for_callers_only() -> None:
    async with running_edge() as edge:
        for path in ("/v1/models", "/v1/models/mix/one"):
            assert (await edge.send("GET", path, headers={"authorization": ""})).status == 401


async def test_a_model_that_is_not_listed_is_accepted_all_the_same() -> None:
    async with running_edge() as edge:
        answer = await edge.chat(model="some/other")
    assert (answer.status, answer.json()["model"]) == (200, "some/other")
