"""The accuracy page: what ships, and measurements that are handed in."""

from playwright.sync_api import expect

RUNS = """model,hardware,engine,isl,osl,concurrency,ttft_ms_mean,tpot_ms_mean
meta-llama/Llama-3.1-8B,H100,vllm,1024,512,16,182,11.4
meta-llama/Llama-3.1-8B,H100,vllm,1024,512,32,282,13.4
"""


def hand_in(page, name, content):
    content = content if isinstance(content, bytes) else content.encode()
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/csv", "buffer": content})


def test_a_benchmark_that_is_handed_in_stands_beside_what_was_predicted(open_page):
    page = open_page("/accuracy")
    hand_in(page, "runs.csv", RUNS)
    expect(page.get_by_text("2 runs taken.")).to_be_visible(timeout=90_000)
    expect(page.get_by_role("cell", name="meta-llama/llama-3.1-8b").first).to_be_visible()
    hand_in(page, "copy.csv", RUNS)
    expect(page.get_by_text("they count once")).to_be_visible(timeout=90_000)


def test_a_file_of_something_else_is_refused_with_a_reason(open_page):
    page = open_page("/accuracy")
    hand_in(page, "other.csv", "<b>what</b>,is\nthis,file\n")
    expect(page.get_by_role("alert")).to_be_visible(timeout=60_000)
    assert page.locator("#main b").count() == 0


def test_a_file_that_is_no_text_is_refused_with_a_reason(open_page):
    page = open_page("/accuracy")
    hand_in(page, "photo.csv", b"\x89PNG\r\n\x1a\n\x00\xff\xfe")
    expect(page.get_by_role("alert")).to_contain_text("not text", timeout=60_000)


def test_a_file_of_ten_megabytes_is_refused_in_words(open_page, tmp_path):
    page = open_page("/accuracy")
    large = tmp_path / "large.json"
    large.write_text('{"runs": "' + "x" * 10_000_000 + '"}')
    page.locator("input[type=file]").set_input_files(large)
    expect(page.get_by_role("alert")).to_contain_text("larger than 8 MB")


def test_a_file_that_does_not_name_its_hardware_says_so_and_is_taken_again_with_it(open_page):
    page = open_page("/accuracy")
    run = "model,engine,isl,osl,concurrency,ttft_ms_mean,tpot_ms_mean\nQwen/Qwen3-8B,vllm,1024,512,16,182,11.4\n"
    hand_in(page, "one.csv", run)
    expect(page.get_by_text("1 run taken, 1 without a prediction to compare.")).to_be_visible(timeout=90_000)
    expect(page.get_by_text("hardware missing")).to_be_visible()
    page.get_by_label("Hardware of the benchmark").fill("H100")
    hand_in(page, "one.csv", run)
    expect(page.get_by_role("cell", name="qwen3-8b").first).to_be_visible(timeout=90_000)
