"""A runtime that is started here: it comes again when it ends, and nothing of it outlives whoever started it."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import cast

import pytest
import trio
import trio.testing
from upstreams.opencode.test_opencode import call

from mix2api.errors import ConfigurationError
from mix2api.settings import load_settings
from mix2api.upstreams.http.client import HttpClient, HttpOptions
from mix2api.upstreams.opencode import guard
from mix2api.upstreams.opencode.kind import OPENCODE, launch_of
from mix2api.upstreams.opencode.opencode import OpenCodeUpstream
from mix2api.upstreams.opencode.supervised import Launch, SupervisedRuntime
from mix2api.upstreams.port import Text
from mix2api.upstreams.surroundings import Remark, Surroundings

DEMO = shlex.join(
    [sys.executable, "-m", "mix2api", "demo-upstream", "--kind", "opencode", "--port", "{port}"]
)
WORKS = "exec 3>told; echo $$ $1 $WORD >&3; sleep 1000 & trap '' TERM; wait; wait"
"""A runtime with a tool under way. Both hold the pipe `told` open; the runtime itself does not heed a polite signal."""
TOOL_STAYS = "exec 3>told; (trap '' TERM; echo $$ $1 $WORD >&3; exec sleep 1000) & wait"
"""A runtime that heeds a polite signal, with a tool that does not."""
STAYING = pytest.mark.parametrize("works", [WORKS, TOOL_STAYS], ids=["runtime_stays", "tool_stays"])


class Told:
    """What is said in the pipe of a runtime; its end is the end of all that hold it."""

    def __init__(self, folder: Path) -> None:
        os.mkfifo(folder / "told")
        self._file = os.fdopen(os.open(folder / "told", os.O_RDONLY | os.O_NONBLOCK), "rb", buffering=0)
        os.set_blocking(self._file.fileno(), True)

    async def line(self) -> str:
        """The next line; empty at the end."""
        while not (line := await trio.to_thread.run_sync(self._file.readline)):
            await trio.lowlevel.checkpoint()  # nobody has opened it yet
        return line.decode().strip()

    async def wait_end(self) -> None:
        """Waits until nobody holds it open."""
        assert await trio.to_thread.run_sync(self._file.read) == b""

    def close(self) -> None:
        self._file.close()


@asynccontextmanager
async def told_in(folder: Path) -> AsyncIterator[Told]:
    with trio.fail_after(30), closing(Told(folder)) as told:
        yield told


def runtime(folder: Path, *command: str) -> tuple[SupervisedRuntime, list[Remark]]:
    told: list[Remark] = []
    launch = Launch(command=command, directory=str(folder), environ={"PATH": os.environ["PATH"]})
    return SupervisedRuntime(launch, 4096, told.append), told


@STAYING
async def test_a_runtime_and_its_tools_end_with_whoever_started_it(tmp_path: Path, works: str) -> None:
    supervised, _ = runtime(tmp_path, "sh", "-c", works, "sh", "{port}")
    async with told_in(tmp_path) as told:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervised.keep, {"WORD": "given"})
            assert (await told.line()).split()[1:] == ["4096", "given"]
            nursery.cancel_scope.cancel()
        await told.wait_end()


@STAYING
async def test_a_runtime_and_its_tools_end_where_the_adapter_is_killed(tmp_path: Path, works: str) -> None:
    adapter_of = (
        "import subprocess, sys\n"
        f"guard = [sys.executable, '-I', {guard.__file__!r}, 'sh', '-c', sys.argv[1]]\n"
        "subprocess.Popen(guard, stdin=subprocess.PIPE).wait()\n"
    )
    async with told_in(tmp_path) as told:
        adapter = await trio.lowlevel.open_process([sys.executable, "-c", adapter_of, works], cwd=tmp_path)
        await told.line()
        adapter.kill()
        await adapter.wait()
        await told.wait_end()


async def test_a_tool_of_a_runtime_that_ended_by_itself_is_ended_before_the_next_start(
    tmp_path: Path,
) -> None:
    leaves = TOOL_STAYS.removesuffix("wait")
    supervised, _ = runtime(tmp_path, "sh", "-c", f"{leaves} cat fifo")
    os.mkfifo(tmp_path / "fifo")
    async with told_in(tmp_path) as told, trio.open_nursery() as nursery:
        nursery.start_soon(supervised.keep, {})
        await told.line()
        (tmp_path / "fifo").write_bytes(b"")
        await told.wait_end()
        nursery.cancel_scope.cancel()


async def test_a_runtime_whose_guard_was_killed_is_ended_before_the_next_start(tmp_path: Path) -> None:
    supervised, remarks = runtime(tmp_path, "sh", "-c", WORKS)
    async with told_in(tmp_path) as told, trio.open_nursery() as nursery:
        nursery.start_soon(supervised.keep, {})
        await told.line()
        pid = remarks[0].facts["pid"]
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGKILL)
        await told.wait_end()
        nursery.cancel_scope.cancel()


async def test_a_runtime_that_ends_young_is_started_again_after_growing_pauses(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: trio.testing.MockClock,  # noqa: ARG001 - pytest-trio takes the clock from the arguments
) -> None:
    supervised, remarks = runtime(tmp_path, "opencode")
    lives = [0.0, 0.0, 0.0, 60.0, 0.0]

    async def run(_runtime: SupervisedRuntime, _environ: dict[str, str]) -> int:
        if not lives:
            await trio.sleep_forever()
        await trio.sleep(lives.pop(0))
        return 3

    monkeypatch.setattr(SupervisedRuntime, "_run", run)
    with trio.move_on_after(3600):
        await supervised.keep({})
    assert [remark.facts["again_in_ms"] for remark in remarks] == [500, 1000, 2000, 500, 1000]
    assert {remark.facts["code"] for remark in remarks} == {3}


def test_the_guard_ends_with_its_runtimes_code() -> None:
    def code(*command: str) -> int:
        whole = [sys.executable, "-I", guard.__file__, *command]
        with subprocess.Popen(whole, stdin=subprocess.PIPE) as process:
            return process.wait(30)

    assert code("sh", "-c", "exit 3") == 3
    assert code("sh", "-c", "kill -9 $$") == 137
    assert code("/no/such/program") == 127
    assert code("/dev/null") == 126


def test_the_port_stands_where_the_command_wants_it() -> None:
    made = Launch(command=("/bin/a", "--listen={port}"), directory=None, environ={})
    assert made.arguments(7) == ("/bin/a", "--listen=7")
    serving = Launch(command=("/bin/opencode", "serve"), directory=None, environ={})
    assert serving.arguments(7) == ("/bin/opencode", "serve", "--hostname", "127.0.0.1", "--port", "7")


def test_a_runtime_gets_our_environment_without_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MIX2API_SECRET", "INBOUND_BEARER_TOKEN", "REDIS_URL", "MIX2API_TRACE_TTL_S", "MODEL_KEY"):
        monkeypatch.setenv(name, "planted")
    launch = launch_of(load_settings({"OPENCODE_COMMAND": "env"}, None))
    assert launch is not None
    assert [name for name, value in launch.environ.items() if value == "planted"] == ["MODEL_KEY"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"OPENCODE_COMMAND": "no-such-program serve"},
            "OPENCODE_COMMAND, or the runtime's command: there is no program `no-such-program`",
        ),
        (
            {"OPENCODE_COMMAND": "env", "OPENCODE_DIRECTORY": "/no/such"},
            "OPENCODE_DIRECTORY: `/no/such` is no dir",
        ),
        (
            {"OPENCODE_COMMAND": "env", "OPENCODE_URL": "http://x"},
            "OPENCODE_COMMAND: does not go with OPENCODE_URL",
        ),
    ],
)
def test_a_command_that_cannot_work_is_refused_before_anything_starts(
    given: dict[str, str], said: str
) -> None:
    with closing(HttpClient(HttpOptions())) as client, pytest.raises(ConfigurationError, match=said):
        OPENCODE.upstream(load_settings(given, None), client, Surroundings())


async def test_a_runtime_that_was_killed_serves_again_and_its_tools_have_a_word_of_its_own() -> None:
    remarks: list[Remark] = []
    with trio.fail_after(60), closing(HttpClient(HttpOptions())) as client:
        settings = load_settings({"OPENCODE_COMMAND": DEMO}, None)
        upstream = cast(
            "OpenCodeUpstream", OPENCODE.upstream(settings, client, Surroundings(tell=remarks.append))
        )
        assert upstream.options.password is not None
        assert upstream.context_server is not None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(upstream.keep)
            for _ in range(2):
                async with upstream.open(call("[[say:on]]")) as stream:
                    said = [event for batch in [batch async for batch in stream] for event in batch]
                assert Text("on") in said
                pid = [remark.facts["pid"] for remark in remarks if remark.event == "runtime.started"][-1]
                assert isinstance(pid, int)
                remarks.clear()
                os.killpg(pid, signal.SIGKILL)
                while not {"runtime.ended", "runtime.events_lost"} <= {remark.event for remark in remarks}:
                    await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
