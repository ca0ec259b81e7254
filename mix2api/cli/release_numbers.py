"""Numbers among the arguments of `mix2api release`, read with their bounds."""

import argparse
from collections.abc import Callable
from math import isfinite


def number_of(least: float, most: float) -> Callable[[str], float]:
    """Reads a number within bounds; an argparse `type`."""

    def read(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = float("nan")
        if not isfinite(number) or not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least:g} to {most:g}")
        return number

    return read


def percent_of(least: float, most: float) -> Callable[[str], float]:
    """Reads percent within bounds, and gives the share."""
    number = number_of(least, most)
    return lambda text: number(text) / 100


def count_of(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number within bounds."""

    def read(text: str) -> int:
        if (
            not text.isascii()
            or not text.isdigit()
            or len(text) > len(str(most))
            or not least <= int(text) <= most
        ):
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} to {most}")
        return int(text)

    return read
