"""The tables of a page: which columns have numbers, by their headings and by their cells."""

import re

_TABLE = re.compile(r"<table[^>]*>(.*?)</table>", re.DOTALL)
_ROW = re.compile(r"<tr[^>]*>(.*?)</tr>", re.DOTALL)
_CELL = re.compile(r"<t[hd]([^>]*)>")


def number_columns(page: str) -> list[tuple[set[int], set[int]]]:
    """For each table: the columns whose heading is that of numbers, and those with a cell that is one."""
    found = []
    for table in _TABLE.findall(page):
        head, *rows = [_CELL.findall(row) for row in _ROW.findall(table)]
        plain = [row for row in rows if len(row) == len(head)]
        cells = {place for row in plain for place, marks in enumerate(row) if _is_number(marks)}
        found.append(({place for place, marks in enumerate(head) if _is_number(marks)}, cells))
    return found


def _is_number(marks: str) -> bool:
    return re.search(r'class="number\b', marks) is not None
