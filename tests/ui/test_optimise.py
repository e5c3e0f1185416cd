"""The user guide's path: model and cluster, method, targets, run, compare, deployment."""

import json
import re

import pandas as pd
import pytest
from playwright.sync_api import expect

import budsim
from budsim.dashboard.wording import milliseconds, number, seconds

MODEL = "meta-llama/Llama-3.1-8B"


def choose(page, label, option):
    page.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=option).first.click()


def choose_model(page, name=MODEL):
    field = page.get_by_label("Model", exact=True)
    field.fill(name)
    page.get_by_role("option", name=name, exact=True).click()


def optimise(page, method="HEURISTIC", cluster=None):
    choose_model(page)
    if cluster:
        choose(page, "Cluster", cluster)
    page.get_by_role("button", name=method).click()
    page.get_by_role("button", name="Optimise", exact=False).last.click()
    page.wait_for_url("**/ui/runs/*")
    expect(page.get_by_role("heading", name=re.compile("^Best:"))).to_be_visible(timeout=120_000)


def test_from_a_model_to_a_copied_deployment(open_page):
    page = open_page("/", permissions=["clipboard-read", "clipboard-write"])
    optimise(page, cluster="h100")
    page.get_by_role("button", name="Deployment").first.click()
    expect(page.get_by_role("tab", name="Command line")).to_be_visible()
    page.get_by_role("button", name="Copy").first.click()
    expect(page.get_by_text("Copied")).to_be_visible()
    command = page.evaluate("navigator.clipboard.readText()")
    assert f"vllm serve {MODEL}" in command
    page.get_by_role("tab", name="JSON").click()
    page.wait_for_timeout(500)
    page.get_by_role("button", name="Copy").first.click()
    page.wait_for_timeout(500)
    group = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert group["type"] == "cuda"
    assert group["replicas"] >= 1


def test_the_page_shows_the_figures_of_the_rest_answer(open_page, base_url):
    page = open_page("/")
    optimise(page, cluster="h100")
    run = page.url.rpartition("/")[2]
    kept = page.request.get(f"{base_url}/simulator/results/{run}/configurations").json()["items"]
    best = kept[0]["metrics"]
    expect(page.get_by_role("heading", name=best["catalogue_name"])).to_be_visible()
    assert f"{best['e2e_latency']:.3g} s" in page.get_by_role("main").inner_text()


def test_every_configuration_has_the_figures_of_predict(open_page, base_url):
    page = open_page("/")
    optimise(page)
    run = page.url.rpartition("/")[2]
    results = f"{base_url}/simulator/results/{run}/configurations"
    items = page.request.get(results).json()["items"][:10]
    groups = [page.request.get(f"{results}/{item['config_id']}").json()["node_groups"][0] for item in items]
    points = pd.DataFrame([point_of(item, group) for item, group in zip(items, groups, strict=True)])
    predicted = budsim.predict(points, method="heuristic").to_dict("records")
    memory = budsim.estimate_memory(points).to_dict("records")
    assert page.locator("tbody tr").count() >= len(items) == 10
    for index, (item, times, parts) in enumerate(zip(items, predicted, memory, strict=True)):
        cells = page.locator("tbody tr").nth(index).locator("td").all_inner_texts()
        replicas = item["metrics"]["replica"]
        assert cells[6:9] == [
            milliseconds(times["ttft_ms_p50"]),
            seconds(times["e2e_s_p50"]),
            number(times["output_tps"] * replicas),
        ]
        loaded_gb = parts["model_loading_gib"] * 2**30 / 1e9
        assert groups[index]["weight_memory_gb"] == pytest.approx(
            loaded_gb, rel=1e-3
        )  # its plan leaves out what the engine adds to a rank


def point_of(item, group):
    """The point of ``budsim predict`` that a configuration is, from its own arguments."""
    metrics, arguments = item["metrics"], group["args"]
    named = (
        "max_num_seqs", "max_num_batched_tokens", "max_model_len", "gpu_memory_utilization", "enable_prefix_caching",
        "enable_chunked_prefill",
    )  # fmt: skip
    return {
        "model": MODEL, "hardware": metrics["device_name"], "num_devices": metrics["tp_size"] * metrics["pp_size"],
        "engine": item["engine"], "engine_version": item["engine_version"], "precision": metrics["precision"],
        "tp": metrics["tp_size"], "pp": metrics["pp_size"], "load_mode": "closed_loop",
        "concurrency": metrics["concurrency_per_replica"], "isl": 1024, "osl": 512,
        **{name: arguments.get(name.replace("_", "-")) for name in named},
    }  # fmt: skip


def test_the_keyboard_alone_leads_from_a_model_to_a_copied_deployment(open_page):
    page = open_page("/", permissions=["clipboard-read", "clipboard-write"])
    tab_to(page, "Model")
    page.keyboard.type(MODEL)
    page.get_by_role("option", name=MODEL, exact=True).wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_text("tokens of context")).to_be_visible()
    tab_to(page, "HEURISTIC")
    page.keyboard.press("Space")
    tab_to(page, "Max. TTFT, ms")
    page.keyboard.press("Control+a")
    page.keyboard.type("2000")
    tab_to(page, "Optimise")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/runs/*")
    expect(page.get_by_role("heading", name=re.compile("^Best:"))).to_be_visible(timeout=120_000)
    expect(page.get_by_text("HEURISTIC · ")).to_contain_text("TTFT ≤ 2,000 ms")
    tab_to(page, "Deployment")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    tab_to(page, "Copy")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Copied")).to_be_visible()
    assert f"vllm serve {MODEL}" in page.evaluate("navigator.clipboard.readText()")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def tab_to(page, name, most=40):
    """Press Tab until what is called so has the focus, and see that the focus shows."""
    for _ in range(most):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(e => e.getAttribute('aria-label') || e.innerText || '')(document.activeElement)"
        ).strip()
        if focused.splitlines()[-1:] == [name]:
            return
    pytest.fail(f"{name} is not reached by Tab", pytrace=False)


def test_two_configurations_stand_side_by_side(open_page):
    page = open_page("/")
    optimise(page)
    boxes = page.get_by_role("row").get_by_role("checkbox")
    boxes.nth(1).click()
    boxes.nth(2).click()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("columnheader", name="No. 2")).to_be_visible()
    expect(page.get_by_role("cell", name="Memory planned per device")).to_be_visible()


def test_a_finished_run_is_in_the_history(open_page):
    page = open_page("/")
    optimise(page, cluster="h100")
    run = page.url
    page.get_by_role("navigation").get_by_role("link", name="Runs").click()
    page.get_by_role("link", name=MODEL).first.click()
    page.wait_for_url(run)


def test_no_model_is_said_before_anything_is_asked(open_page):
    page = open_page("/")
    page.get_by_role("button", name="Optimise", exact=False).last.click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a model")


def test_a_model_that_nobody_knows_is_an_error_with_a_reason(open_page):
    page = open_page("/?model=nobody/no-such-model-7b")
    page.get_by_role("button", name="HEURISTIC").click()
    page.get_by_role("button", name="Optimise", exact=False).last.click()
    expect(page.get_by_role("alert")).to_contain_text("no-such-model-7b")


def test_a_target_that_nothing_meets_says_what_would_help(open_page):
    page = open_page("/")
    choose_model(page)
    page.get_by_role("button", name="HEURISTIC").click()
    page.get_by_label("Max. TTFT, ms").fill("0.01")
    page.get_by_label("Min. tokens/s per user").fill("100000")
    page.get_by_role("button", name="Optimise", exact=False).last.click()
    expect(page.get_by_role("alert")).to_contain_text("targets", timeout=120_000)


def test_html_in_a_name_stays_text(open_page):
    page = open_page("/?model=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    page.get_by_role("button", name="HEURISTIC").click()
    page.get_by_role("button", name="Optimise", exact=False).last.click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert page.locator("main img").count() == 0


@pytest.mark.parametrize("path", ["/runs/not-a-run", "/runs/8900717f-3ec0-4df8-8993-54083b020c69"])
def test_a_run_that_is_not_there_is_an_error_page(open_page, path):
    page = open_page(path)
    expect(page.get_by_role("alert")).to_be_visible()


def test_a_run_says_what_it_was_asked_and_going_back_finds_the_form_as_it_was(open_page):
    page = open_page("/?ttft_ms=750&concurrency=7&method=HEURISTIC&objective=nothing&input_tokens=NaN")
    choose_model(page)
    page.get_by_role("button", name="Optimise", exact=False).last.click()
    page.wait_for_url("**/ui/runs/*")
    expect(page.get_by_role("heading", name=MODEL)).to_be_visible()
    expect(page.get_by_text("7 requests at once · TTFT ≤ 750 ms")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Requests in flight")).to_have_value("7")
    expect(page.get_by_label("Model", exact=True)).to_have_value(MODEL)
    page.go_forward()
    page.get_by_role("link", name="Change the request").click()
    expect(page.get_by_label("Max. TTFT, ms")).to_have_value("750")
    expect(page.get_by_label("Prompt tokens")).to_have_value("1024")
    expect(page.get_by_role("checkbox", name="separate pools")).not_to_be_checked()


def test_a_run_that_is_stopped_says_so_and_offers_the_request_again(open_page):
    page = open_page("/?model=Qwen/Qwen3-32B")
    expect(page.get_by_text("tokens of context")).to_be_visible()
    page.get_by_role("button", name="Optimise", exact=False).last.click()
    page.get_by_role("button", name="Stop").click()
    stopped, best = page.get_by_text("This run was stopped"), page.get_by_role("heading", name=re.compile("^Best:"))
    expect(stopped.or_(best)).to_be_visible(timeout=60_000)
    expect(page.get_by_role("link", name="Change the request")).to_be_visible()
