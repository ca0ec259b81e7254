"""Conversations in the console as a person uses them, in Chromium: a plan followed live, a draft edited by two, published."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.conftest import Reader
from browser.test_console_in_a_browser import LOOKS, RULES

SCRIPT = "<img src=x onerror=document.title='pwned'><script>document.title='pwned'</script>"
FLICKERS = """() => {
  window.flickers = 0;
  for (const id of ["turns", "plan"]) {
    const part = document.getElementById(id);
    let had = Boolean(part.textContent.trim());
    new MutationObserver(() => {
      const has = Boolean(part.textContent.trim());
      if (had && !has) window.flickers += 1;
      had = has;
    }).observe(part, { childList: true });
  }
}"""
"""Counts the moments at which a part that had something is empty."""


def begin(reader: Reader, title: str) -> None:
    """A new conversation, by keyboard alone."""
    page = reader.page
    reader.goto("/conversations?user=u1")
    page.focus("form[method=post] input[name=title]")
    page.keyboard.type(title)
    page.keyboard.press("Enter")
    page.wait_for_url("**/conversation?id=*")


def say(reader: Reader, message: str) -> None:
    """A message, by keyboard alone."""
    page = reader.page
    page.focus("#message")
    page.keyboard.type(message)
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**#turn-*")


def test_a_plan_is_followed_live_and_its_draft_edited_by_two_and_published(
    chromium: Any, talking: tuple[str, str]
) -> None:
    first, second = Reader(chromium, talking), Reader(chromium, talking)
    begin(first, SCRIPT)
    say(first, "[[drafts:good]] [[pace:60]] Tell me about whales.")
    first.page.evaluate(FLICKERS)
    first.page.wait_for_selector("#plan svg.graph")
    first.shoot("conversation-running-light")
    first.page.wait_for_selector("#turns li b:text-is('completed')", timeout=60_000)
    assert first.page.title().startswith("<img"), "no script of the title has run"
    assert first.page.evaluate("window.flickers") == 0
    assert first.page.evaluate("performance.getEntriesByType('navigation').length") == 1
    first.page.click("#plan table tbody tr:nth-child(1) a")
    first.page.wait_for_selector("#plan h3")
    first.shoot("conversation-task-light")
    first.page.click(".notice a")
    first.page.wait_for_url("**/draft?id=*")
    second.page.goto(first.page.url)

    first.page.fill("input[name=key]", "whales")
    first.page.fill("input[name=pattern]", "whales*")
    first.page.click("form.say button")
    first.page.wait_for_selector("[role=status]")

    second.page.fill("#graph", second.page.input_value("#graph").replace('"WORKER"', '"WROKER"', 1))
    second.page.click("form.say button")
    second.page.wait_for_selector("a[data-line]")
    second.page.click("a[data-line]")
    chosen = "() => { const area = document.querySelector('#graph'); return area.value.slice(area.selectionStart, area.selectionEnd) }"
    assert "WROKER" in second.page.evaluate(chosen)
    second.shoot("draft-fault-light")
    second.page.fill("#graph", second.page.input_value("#graph").replace('"WROKER"', '"WORKER"', 1))
    second.page.fill("input[name=key]", "seas")
    second.page.click("form.say button")
    second.page.wait_for_selector("table.compared")
    assert "whales" in second.page.inner_text("table.compared")
    second.shoot("draft-conflict-light")
    second.page.click("form.say button")
    second.page.wait_for_selector("text=cannot be taken away")
    second.page.fill("input[name=pattern]", "whales and seas*")
    second.page.click("form.say button")
    second.page.wait_for_selector("[role=status]")
    second.page.once("dialog", lambda dialog: dialog.accept())
    second.page.click("form.change button[data-sure]")
    second.page.wait_for_url("**said=published")
    second.shoot("draft-published-light")
    for reader in (first, second):
        assert reader.complaints == []
        assert reader.hosts == {reader.address}
        reader.context.close()


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_of_a_user_is_accessible_and_fits(
    chromium: Any, talking: tuple[str, str], look: str
) -> None:
    reader = Reader(chromium, talking, **LOOKS[look])
    page, found = reader.page, {}
    begin(reader, f"A conversation, {look}")
    say(reader, "[[drafts:good]] Tell me about whales.")
    page.wait_for_selector(".notice a")
    paths = {
        "conversations": "/conversations?user=u1",
        "conversation": page.url.removeprefix(reader.address).partition("#")[0] + "&plan=1&task=0",
        "draft": str(page.get_attribute(".notice a", "href")),
    }
    for name, path in paths.items():
        reader.goto(path)
        reader.shoot(f"{name}-{look}")
        results = Axe().run(page, options={"resultTypes": ["violations"], **RULES})
        if results.violations_count:
            found[name] = [
                (each["id"], [node["html"][:120] for node in each["nodes"]])
                for each in results.response["violations"]
            ]
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= page.viewport_size["width"], f"{name} scrolls sideways: {width}"
    reader.context.close()
    assert found == {}
    assert reader.complaints == []


def test_a_conversation_is_gone_on_with_and_deleted_without_script(
    chromium: Any, talking: tuple[str, str]
) -> None:
    reader = Reader(chromium, talking, java_script_enabled=False)
    page = reader.page
    begin(reader, "Without script")
    page.fill("#message", "[[say:hello]]")
    page.click("form.say button")
    page.wait_for_url("**#turn-1")
    assert "[[say:hello]]" in page.inner_text("#turns")
    page.fill("#message", "[[drafts:good]] [[pace:500]] Tell me about whales.")
    page.click("form.say button")
    page.wait_for_url("**#turn-2")
    page.click("#turn-2 button")
    page.wait_for_selector("#turn-2 b:text-is('cancelled')")
    page.check("input[name=sure]")
    page.click("form.change button")
    page.wait_for_url("**said=deleted")
    reader.shoot("conversation-deleted-light")
    reader.context.close()
