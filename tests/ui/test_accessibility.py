"""axe-core finds no serious issue, in light and dark, wide and narrow; nothing is wider than the screen."""

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe

PAGES = [
    "/", "/runs", "/runs/not-a-run", "/models", "/models?model=meta-llama/Llama-3.1-8B", "/use-cases",
    "/use-cases?id=chat_support", "/hardware", "/hardware?device=NVIDIA%20H100%20SXM%2080GB", "/accuracy",
]  # fmt: skip
LOOKS = [(1280, False), (1280, True), (390, False), (390, True)]


def serious(page):
    found = Axe().run(page).response["violations"]
    return [
        f"{item['id']}: {item['help']}: {[node['html'][:160] for node in item['nodes'][:3]]}"
        for item in found
        if item["impact"] in ("serious", "critical")
    ]


@pytest.fixture(scope="module")
def run(base_url):
    body = {
        "pretrained_model_uri": "meta-llama/Llama-3.1-8B", "is_proprietary_model": False, "input_tokens": 512,
        "output_tokens": 128, "concurrency": 4, "target_ttft": 0, "target_throughput_per_user": 0,
        "target_e2e_latency": 0, "simulation_method": "heuristic",
    }  # fmt: skip
    return httpx.post(f"{base_url}/simulator/run", json=body, timeout=120).json()["workflow_id"]


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_a_result_has_no_serious_issue_compared_opened_and_deployed(open_page, run, width, dark):
    page = open_page(f"/runs/{run}", width=width, dark=dark)
    page.get_by_role("checkbox").nth(2).wait_for()
    assert serious(page) == []
    for index in (1, 2):
        page.get_by_role("checkbox").nth(index).click()
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("columnheader", name="No. 2").wait_for()
    for part in page.locator(".q-expansion-item").all():
        part.click()
    page.wait_for_timeout(1000)
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.get_by_role("button", name="Deployment").first.click()
    page.get_by_role("dialog").wait_for()
    page.wait_for_timeout(1000)
    # axe takes the dialog's backdrop for what stands behind a filled button's text: that one is measured here
    assert [text for text in serious(page) if not text.startswith("color-contrast")] == []
    button = page.get_by_role("dialog").get_by_role("button", name="Copy")
    assert button.evaluate("e => [getComputedStyle(e).color, getComputedStyle(e).backgroundColor]") == [
        "rgb(255, 255, 255)",
        "rgb(29, 78, 216)",  # 6.7 : 1
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
