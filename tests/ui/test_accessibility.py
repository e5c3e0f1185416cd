"""axe-core finds no serious issue, in light and dark, wide and narrow; nothing is wider than the screen."""

import pytest
from axe_playwright_python.sync_playwright import Axe

PAGES = ["/", "/runs", "/models", "/models?model=meta-llama/Llama-3.1-8B", "/use-cases", "/hardware", "/accuracy"]
LOOKS = [(1280, False), (1280, True), (390, False), (390, True)]


def serious(page):
    found = Axe().run(page).response["violations"]
    return [
        f"{item['id']}: {item['help']}: {[node['html'][:160] for node in item['nodes'][:3]]}"
        for item in found
        if item["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(("width", "dark"), LOOKS)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_serious_issue_and_fits_its_width(open_page, path, width, dark):
    page = open_page(path, width=width, dark=dark)
    page.wait_for_timeout(1500)
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_content_is_one_tab_away_from_the_top(open_page):
    page = open_page("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")


def test_light_and_dark_are_kept_for_the_next_page(open_page):
    page = open_page("/")
    page.get_by_role("button", name="Switch between light and dark").click()
    page.wait_for_selector("body.body--dark")
    page.get_by_role("navigation").get_by_role("link", name="Models").click()
    page.wait_for_selector("body.body--dark")
