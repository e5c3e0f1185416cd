"""The user guide's path: model and cluster, method, targets, run, compare, deployment."""

import json
import re

import pytest
from playwright.sync_api import expect

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
    expect(page.get_by_role("heading", name=best["device_name"])).to_be_visible()
    assert f"{best['e2e_latency']:.3g} s" in page.get_by_role("main").inner_text()


def test_two_configurations_stand_side_by_side(open_page):
    page = open_page("/")
    optimise(page)
    boxes = page.get_by_role("row").get_by_role("checkbox")
    boxes.nth(1).click()
    boxes.nth(2).click()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("columnheader", name="No. 2")).to_be_visible()
    expect(page.get_by_role("cell", name="Memory per device")).to_be_visible()


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
    page.get_by_label("TTFT at most, ms").fill("0.01")
    page.get_by_label("Tokens/s per user at least").fill("100000")
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
    expect(page.get_by_label("TTFT at most, ms")).to_have_value("750")
    expect(page.get_by_label("Prompt tokens")).to_have_value("1024")


def test_a_run_that_is_stopped_says_so_and_offers_the_request_again(open_page):
    page = open_page("/?model=Qwen/Qwen3-32B")
    expect(page.get_by_text("tokens of context")).to_be_visible()
    page.get_by_role("button", name="Optimise", exact=False).last.click()
    page.get_by_role("button", name="Stop").click()
    stopped, best = page.get_by_text("This run was stopped"), page.get_by_role("heading", name=re.compile("^Best:"))
    expect(stopped.or_(best)).to_be_visible(timeout=60_000)
    expect(page.get_by_role("link", name="Change the request")).to_be_visible()
