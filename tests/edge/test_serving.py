import pytest

from mix2api.edge.serving import server_config


def test_the_server_outlasts_gateways_and_the_drain() -> None:
    config = server_config(["127.0.0.1:0"], drain_s=30, on_fault=lambda _: None)
    assert config.keep_alive_timeout > 90
    assert config.graceful_timeout > 30
    assert config.keep_alive_max_requests > 10**9
    assert config.read_timeout is None
    assert config.max_app_queue_size == 100


@pytest.mark.parametrize("secret", ["a text of the request"])
async def test_the_servers_log_tells_class_and_place_only(
    secret: str, capfd: pytest.CaptureFixture[str]
) -> None:
    faults: list[object] = []
    log = server_config(["127.0.0.1:0"], drain_s=0, on_fault=faults.append).log
    try:
        raise LookupError(secret)
    except LookupError:
        await log.exception("Error in ASGI Framework")
    await log.info("Running on nowhere")
    assert len(faults) == 1
    assert "LookupError" in repr(faults[0])
    assert secret not in repr(faults[0])
    assert capfd.readouterr() == ("", "")
