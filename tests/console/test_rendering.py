"""Assets and templates: what the package holds, and what a page may load."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import mix2api.console
from mix2api.console.rendering import ASSETS, Renderer, moment, percent

FOLDER = Path(mix2api.console.__file__).parent
ROOT = FOLDER.parents[1]


def test_the_wheel_has_every_template_and_asset(tmp_path: Path) -> None:
    build = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    name = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()[-1]
    packed = set(zipfile.ZipFile(tmp_path / name).namelist())
    ours = {
        str(path.relative_to(ROOT))
        for folder in ("templates", "assets")
        for path in (FOLDER / folder).iterdir()
    }
    assert {f"mix2api/console/assets/{name}" for name in ASSETS} <= ours
    assert ours - packed == set()


def test_no_asset_asks_another_host() -> None:
    for name, content in Renderer().assets.items():
        foreign = re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"')]*", content.decode())
        assert [each for each in foreign if "www.w3.org" not in each] == [], name
        assert "@import" not in content.decode()


def test_the_addresses_of_assets_change_with_their_content() -> None:
    assert re.fullmatch(r"[0-9a-f]{12}", Renderer().version)


def test_a_time_is_utc_in_the_page_and_on_hover() -> None:
    assert moment(1_700_000_000_123) == (
        '<time datetime="2023-11-14T22:13:20.123Z" title="2023-11-14T22:13:20.123Z">11-14 22:13:20</time>'
    )
    assert moment(None) == "-"
    assert (percent(0.9995), percent(None)) == ("99.95%", "-")
