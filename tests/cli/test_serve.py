"""`mix2api serve`: the numbers that its arguments take."""

import argparse

import pytest

from mix2api.cli.serve import add_parser


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    return parser.parse_args(["serve", *words])


def test_one_process_without_a_supervisor_is_the_default() -> None:
    assert (parsed().processes, parsed().listen_fd) == (1, None)
    assert (parsed("--processes", "4").processes, parsed("--listen-fd", "3").listen_fd) == (4, 3)


@pytest.mark.parametrize("count", ["0", "-1", "257", "many", "1.5", ""])
def test_a_count_that_is_none_is_refused(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed("--processes", count)
    assert "is not a number from 1 to 256" in capsys.readouterr().err or count == "-1"
