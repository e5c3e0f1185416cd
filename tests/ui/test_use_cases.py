"""The use-case page: choosing, live filters, SLO marks, and what stands where nothing passes."""

import re

import httpx
import pandas as pd
import pytest
from playwright.sync_api import expect

import budsim
from budsim.dashboard.wording import number, percent, seconds


@pytest.fixture(scope="module")
def use_case(base_url):
    """One with short prompts, so that some hardware keeps its bounds."""
    known = httpx.get(f"{base_url}/api/usecases", params={"limit": 1000}, timeout=30).json()["usecases"]
    bounded = [item for item in known if item["ttft_max"] and item["e2e_max"]]
    return min(bounded, key=lambda item: item["input_tokens_max"] + item["output_tokens_max"])


def shown(page):
    text = page.get_by_text(re.compile(r"^[\d,]+ of [\d,]+ deployments$")).inner_text()
    return [int(number.replace(",", "")) for number in re.findall(r"[\d,]+", text)]


def opened(open_page, use_case):
    page = open_page(f"/use-cases?id={use_case['unique_id']}")
    expect(page.get_by_text(re.compile("deployments$"))).to_be_visible(timeout=90_000)
    return page


def choose(page, label, option):
    page.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()
    page.keyboard.press("Escape")


def test_every_use_case_is_a_link_to_its_recommendations(open_page, use_case):
    page = open_page("/use-cases")
    page.get_by_role("button", name="Show all").click()
    expect(page.locator(".bud-list a")).not_to_have_count(24)
    page.get_by_label("Search the use cases").fill(use_case["name"])
    page.get_by_role("link", name=use_case["name"], exact=True).first.click()
    page.wait_for_url(f"**/use-cases?id={use_case['unique_id']}")


def test_filters_narrow_what_is_shown_and_the_rows_obey_them(open_page, use_case):
    page = opened(open_page, use_case)
    kept, total = shown(page)
    assert kept == total > 0
    choose(page, "Manufacturer", "NVIDIA")
    expect(page.get_by_text(re.compile(rf"^{total:,} of"))).to_have_count(0)
    by_maker, _ = shown(page)
    assert 0 < by_maker < total
    choose(page, "Batch size", "8")
    page.wait_for_timeout(1500)
    both, _ = shown(page)
    assert 0 < both < by_maker
    batches = page.locator("tbody tr td:nth-child(4)").all_inner_texts()
    assert set(batches) == {"8"}


def test_the_table_has_the_figures_of_predict_and_memory(open_page, base_url, use_case):
    page = opened(open_page, use_case)
    path = f"{base_url}/api/usecases/{use_case['unique_id']}/recommendations"
    answer = httpx.post(path, json={"max_hardware_options": 25}, timeout=60).json()
    batches = [
        batch
        for category in answer["recommendations"]
        for model in category["recommended_models"]
        for batch in model["batch_configurations"]
    ]
    options = [option for batch in batches for option in batch["hardware_options"]][:12]
    points = pd.DataFrame([option["point"] for option in options])
    predicted = budsim.predict(points).to_dict("records")
    memory = budsim.estimate_memory(points).to_dict("records")
    for index, (option, times, parts) in enumerate(zip(options, predicted, memory, strict=True)):
        cells = page.locator("tbody tr").nth(index).locator("td").all_inner_texts()
        assert cells[4] == option["hardware_name"]
        assert cells[7:10] == [
            seconds(times["ttft_ms_p50"] / 1e3), seconds(times["e2e_s_p50"]), number(times["output_tps"]),
        ]  # fmt: skip
        kept = times["ttft_ms_p50"] / 1e3 <= use_case["ttft_max"] and times["e2e_s_p50"] <= use_case["e2e_max"]
        assert cells[0] == ("✓ kept" if kept else "✗ missed")
        assert option["memory"] == {name: pytest.approx(parts[name]) for name in option["memory"]}
        if option["utilization"] is not None:
            assert cells[6] == percent(option["utilization"] / 100)


def test_the_slo_switch_leaves_only_deployments_that_keep_every_bound(open_page, use_case):
    page = opened(open_page, use_case)
    page.get_by_role("switch", name="Keeps the SLO").click()
    page.wait_for_timeout(1500)
    kept, total = shown(page)
    assert kept <= total
    marks = page.locator("tbody tr td:nth-child(1)").all_inner_texts() if kept else []
    assert all(mark.startswith("✓") for mark in marks)


def test_filters_that_nothing_passes_say_so(open_page, use_case):
    page = opened(open_page, use_case)
    makers = page.get_by_role("combobox", name="Manufacturer", exact=True)
    makers.click()
    page.get_by_role("option").first.wait_for()
    options = page.get_by_role("option").all_inner_texts()
    page.keyboard.press("Escape")
    assert len(options) > 1
    choose(page, "Model size", page.locator("tbody tr td:nth-child(3)").first.inner_text())
    page.get_by_role("switch", name="Keeps the SLO").click()
    page.wait_for_timeout(1500)
    if shown(page)[0] == 0:
        expect(page.get_by_text("No deployment passes these filters.")).to_be_visible()


def test_a_use_case_that_is_not_there_is_an_error(open_page):
    page = open_page("/use-cases?id=no-such-case")
    expect(page.get_by_role("alert")).to_contain_text("no-such-case")


def test_html_in_a_use_case_stays_text(open_page, base_url, use_case):
    hostile = "<img src=x onerror=alert(1)>"
    fields = ("industry", "input_tokens_min", "input_tokens_max", "output_tokens_min", "output_tokens_max")
    body = {name: use_case[name] for name in fields}
    stored = httpx.post(
        f"{base_url}/api/usecases", json={**body, "name": hostile, "unique_id": "hostile", "description": hostile}
    )
    assert stored.status_code in (200, 201)
    page = open_page("/use-cases")
    page.get_by_label("Search the use cases").fill("onerror")
    expect(page.get_by_role("link", name=hostile)).to_be_visible()
    assert page.locator("#main img").count() == 0


def test_devices_are_found_by_name_and_maker(open_page):
    page = open_page("/hardware")
    page.get_by_label("Search the devices").fill("mi300x")
    expect(page.get_by_role("cell", name=re.compile("MI300X")).first).to_be_visible()
    expect(page.get_by_role("cell", name=re.compile("H100"))).to_have_count(0)
    page.get_by_label("Search the devices").fill("no such device")
    expect(page.get_by_text("No device passes these filters.")).to_be_visible()
