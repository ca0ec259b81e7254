"""The console as a person sees it, in Chromium, while load runs."""

import re
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.conftest import Reader
from browser.showing import FAILING

PAGES = {
    "overview": "/",
    "overview-of-a-day": "/?range=24h",
    "runs": "/runs?range=15m",
    "no-runs": "/runs?word=nothing-of-the-kind",
    "run": f"/run?id={FAILING}",
    "unknown": "/run?id=nobody",
    "processes": "/processes",
    "accounts": "/accounts",
    "models": "/models",
    "release": "/release",
    "settings": "/settings",
}
LOOKS: dict[str, dict[str, Any]] = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "chinese": {"locale": "zh-CN"},
    "phone": {"viewport": {"width": 320, "height": 640}, "locale": "zh-CN"},
}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_is_accessible_and_fits(chromium: Any, console: tuple[str, str], look: str) -> None:
    reader = Reader(chromium, console, **LOOKS[look])
    found: dict[str, object] = {}
    for name, path in PAGES.items():
        reader.goto(path)
        reader.shoot(f"{name}-{look}")
        results = Axe().run(reader.page, options={"resultTypes": ["violations"], **RULES})
        if results.violations_count:
            found[name] = [
                (each["id"], [node["html"][:120] for node in each["nodes"]])
                for each in results.response["violations"]
            ]
        width = reader.page.evaluate("document.documentElement.scrollWidth")
        assert width <= reader.page.viewport_size["width"], f"{name} scrolls sideways: {width}"
    reader.context.close()
    assert found == {}
    assert [each for each in reader.complaints if "404" not in each] == []


def test_the_sign_in_is_accessible(chromium: Any, console: tuple[str, str]) -> None:
    page = chromium.new_page()
    page.goto(console[0])
    assert Axe().run(page, options={"resultTypes": ["violations"], **RULES}).violations_count == 0
    page.close()


def test_the_overview_moves_while_load_runs(reader: Reader) -> None:
    runs = reader.page.locator("#numbers a.tile").nth(1).locator("b")
    before = int(runs.inner_text())
    reader.page.wait_for_function(
        "before => Number(document.querySelectorAll('#numbers a.tile b')[1].textContent) > before", arg=before
    )
    assert reader.page.evaluate("performance.getEntriesByType('navigation').length") == 1


def test_a_complaint_is_explained_by_keyboard_alone(reader: Reader) -> None:
    page = reader.page
    page.keyboard.press("/")
    page.wait_for_url("**/runs")
    page.keyboard.press("/")
    page.keyboard.type(FAILING)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/run?id={FAILING}")
    words = page.inner_text("main")
    assert "timeout/first_byte" in words
    assert "the site's" in words
    outline = page.evaluate(
        "() => { document.querySelector('nav a').focus(); return getComputedStyle(document.activeElement).outlineStyle }"
    )
    assert outline != "none"


def test_arrows_walk_through_runs_and_bars(reader: Reader) -> None:
    page = reader.page
    reader.goto("/runs?range=15m")
    page.focus("table.runs tbody tr:nth-child(1) a")
    page.keyboard.press("ArrowDown")
    second = page.get_attribute("table.runs tbody tr:nth-child(2) a", "href")
    assert page.evaluate("document.activeElement.getAttribute('href')") == second
    page.focus("svg.plot a[tabindex='0']")
    assert page.locator("svg.plot a[tabindex='0']").count() == 1


def test_a_range_is_drawn_with_the_mouse(reader: Reader) -> None:
    page = reader.page
    reader.goto("/runs?range=15m&client=opencode")
    box = page.locator("svg.plot").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 10, steps=4)
    page.mouse.up()
    page.wait_for_url(re.compile(r"/runs\?client=opencode&since=\d+&until=\d+"))


def test_a_session_is_retired_after_a_question(reader: Reader) -> None:
    page = reader.page
    reader.goto("/runs?reason=stop")
    page.click("table.runs tbody tr:nth-child(1) a")
    page.click("a[href^='/session']")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("button[data-sure]")
    assert page.locator("button[data-sure]").count() == 1
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("button[data-sure]")
    page.wait_for_selector("text=retired: operator")
    reader.shoot("session-light")


def test_every_page_is_complete_without_script(chromium: Any, console: tuple[str, str]) -> None:
    reader = Reader(chromium, console, java_script_enabled=False)
    for path, said in (("/", "Service levels"), ("/runs", FAILING), (f"/run?id={FAILING}", "the site's")):
        reader.goto(path if path != "/runs" else f"/runs?word={FAILING[:9]}")
        assert said in reader.page.content()
    assert reader.page.locator("time").first.inner_text().count(":") == 2
    reader.context.close()


def test_the_language_is_changed_with_one_click(reader: Reader) -> None:
    reader.page.click("header .door a")
    reader.page.wait_for_selector("html[lang=zh]")
    assert "概览" in reader.page.inner_text("h1")
