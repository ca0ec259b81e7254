"""What the README says that code knows too."""

import re
from pathlib import Path

from mix2api.vocabulary import EndReason
from mix2api.wire.request_fields import request_fields_table

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_table_of_request_fields_is_the_code_s() -> None:
    section = README.partition("<!-- request-fields -->")[2].partition("<!-- /request-fields -->")[0]
    assert section.strip() == request_fields_table().strip(), "`make docs` writes it anew"


def test_every_end_reason_stands_in_the_ten_minute_guide() -> None:
    guide = README.partition("## What happened to request X?")[2].partition("## Limits")[0]
    assert {reason for reason in EndReason if f"`{reason.value}`" not in guide} == set()


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target
