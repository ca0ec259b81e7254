"""The flags of `mix2api demo-upstream`."""

import argparse

import pytest

from mix2api.cli.demo_upstream import add_parser, run, site_options
from mix2api.settings import load_settings


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_parser(parser.add_subparsers())
    return parser.parse_args(["demo-upstream", *words])


def test_a_site_counts_four_characters_or_by_the_tokenizer_that_is_named() -> None:
    assert site_options(parsed()).count.texts(["hello world"]) == 3
    options = site_options(parsed("--tokenizer", "o200k_base", "--context-window", "2000"))
    assert options.context_window == 2000
    assert options.count.texts(["hello world"]) == 2


def test_a_flag_out_of_its_bounds_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parsed("--context-window", "0"), load_settings({}, None)) == 2
    assert "context_window" in capsys.readouterr().err


def test_a_fault_needs_words_that_the_site_knows(capsys: pytest.CaptureFixture[str]) -> None:
    options = site_options(parsed("--fault-every", "50", "--fault", "[[slow_head:2000]]"))
    assert (options.fault_every, options.fault) == (50, "[[slow_head:2000]]")
    assert site_options(parsed()).fault_every is None
    assert site_options(parsed("--fault-where", "agent")).fault_where == "agent"
    assert run(parsed("--fault-every", "50", "--fault", "none"), load_settings({}, None)) == 2
    assert "--fault" in capsys.readouterr().err
