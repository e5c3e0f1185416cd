"""The models and hardware pages: search, one model, one device, and figures that are those of the command line."""

import re

import pandas as pd
from playwright.sync_api import expect

import budsim
from budsim.dashboard.wording import number

MODEL = "meta-llama/Llama-3.1-8B"


def test_a_models_memory_is_that_of_the_command(open_page):
    page = open_page(f"/models?model={MODEL}")
    names = ["NVIDIA H100 SXM 80GB", "NVIDIA L40S", "AMD Instinct MI300X"]
    points = pd.DataFrame([{"model": MODEL, "hardware": name, "max_model_len": 131072} for name in names])
    for name, parts in zip(names, budsim.estimate_memory(points).to_dict("records"), strict=True):
        cells = page.get_by_role("row").filter(has_text=name).first.locator("td").all_inner_texts()
        gb = [parts[key] * 2**30 / 1e9 for key in ("model_loading_gib", "activation_gib", "available_kv_gib")]
        figures = [*gb, parts["kv_cache_tokens"], parts["max_concurrency"]]
        assert cells[2:7] == [number(value, 4) for value in figures]


def test_a_model_that_does_not_fit_says_why(open_page):
    page = open_page("/models?model=deepseek-ai/DeepSeek-V3-Base")
    expect(page.get_by_role("cell", name="✗ no").first).to_be_visible()
    expect(page.get_by_text(re.compile("leaves nothing for the KV cache")).first).to_be_visible()


def test_an_unknown_model_is_told_with_what_to_do(open_page):
    page = open_page("/models?model=nobody/no-such-model")
    expect(page.get_by_role("alert")).to_contain_text("budsim models add")


def test_a_device_leads_to_its_prices_and_sources(open_page):
    page = open_page("/hardware")
    page.get_by_label("Search the devices").fill("h100 sxm 80gb")
    page.get_by_role("link", name="NVIDIA H100 SXM 80GB", exact=True).click()
    expect(page.get_by_text("3,350 GB/s")).to_be_visible()
    page.get_by_text("Where these figures come from").click()
    expect(page.get_by_text("Also called")).to_be_visible()
    page.get_by_role("link", name="All devices").click()
    page.wait_for_url("**/ui/hardware")


def test_a_device_that_is_not_there_is_an_error_with_a_way_back(open_page):
    page = open_page("/hardware?device=%3Cb%3EH1000%3C%2Fb%3E")
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.locator("#main b").count() == 0
    expect(page.get_by_role("link", name="All devices")).to_be_visible()


def test_columns_of_figures_sort_by_number(open_page):
    page = open_page("/hardware")
    page.get_by_role("columnheader", name="Power, W").click()
    page.wait_for_timeout(500)
    shown = page.locator("tbody tr td:nth-child(8)").all_inner_texts()
    watts = [float(text.replace(",", "")) for text in shown if text != "–"]
    assert watts == sorted(watts)
    assert len(watts) > 5
