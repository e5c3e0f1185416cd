"""Laws of the importers: the same run reads alike whatever tool wrote the file; what cannot be is said."""

import json
import math

import pytest

from budsim.benchmarks import importer
from budsim.benchmarks.importer import import_runs
from budsim.benchmarks.measured_point import METRICS
from budsim.commons.errors import InvalidRequestError, PayloadTooLargeError
from budsim.perf_model.workload import LoadMode

# One run, written as each tool would: 100 requests of 1000 + 101 tokens by 8 clients, TTFT 200 ms, TPOT 10 ms.
TTFT_MS, TPOT_MS, E2E_S, ISL, OSL, CLIENTS, PROMPTS = 200.0, 10.0, 1.2, 1000, 101, 8, 100
DURATION_S = PROMPTS * E2E_S / CLIENTS
OUTPUT_TPS = PROMPTS * OSL / DURATION_S
VLLM = {
    "date": "20260101-000000", "endpoint_type": "openai", "backend": "openai", "model_id": "meta-llama/Llama-3.1-8B",
    "tokenizer_id": "meta-llama/Llama-3.1-8B", "num_prompts": PROMPTS, "request_rate": "inf", "burstiness": 1.0,
    "max_concurrency": CLIENTS, "duration": DURATION_S, "completed": PROMPTS, "failed": 0,
    "total_input_tokens": PROMPTS * ISL, "total_output_tokens": PROMPTS * OSL,
    "request_throughput": PROMPTS / DURATION_S, "output_throughput": OUTPUT_TPS,
    "mean_ttft_ms": TTFT_MS, "median_ttft_ms": TTFT_MS, "p99_ttft_ms": 900.0, "mean_tpot_ms": TPOT_MS,
    "median_tpot_ms": TPOT_MS, "p99_tpot_ms": 14.0, "mean_itl_ms": 55.0, "median_itl_ms": 0.0, "p99_itl_ms": 80.0,
    "mean_e2el_ms": 1000 * E2E_S, "p99_e2el_ms": 2000.0,
}  # fmt: skip
OLD_VLLM = {name: value for name, value in VLLM.items() if name not in ("failed", "burstiness", "endpoint_type")} | {
    "best_of": 1, "use_beam_search": False, "request_goodput:": None,
}  # fmt: skip
SGLANG = {
    "backend": "sglang", "dataset_name": "random", "request_rate": math.inf, "max_concurrency": CLIENTS,
    "total_input_tokens": PROMPTS * ISL, "total_output_tokens": PROMPTS * OSL, "completed": PROMPTS,
    "total_output_tokens_retokenized": PROMPTS * OSL - 3, "duration": DURATION_S, "output_throughput": OUTPUT_TPS,
    "mean_e2e_latency_ms": 1000 * E2E_S, "mean_ttft_ms": TTFT_MS, "mean_tpot_ms": TPOT_MS, "random_input_len": ISL,
    "random_output_len": OSL,
    "server_info": {"model_path": "meta-llama/Llama-3.1-8B", "tp_size": 2, "version": "0.5.5"},
}  # fmt: skip


def _guidellm_metric(mean, **percentiles):
    return {"successful": {"mean": mean, "median": mean, "percentiles": percentiles}, "errored": {"mean": 1e9}}


GUIDELLM = {
    "metadata": {"version": 1, "guidellm_version": "0.5.0"},
    "args": {"data": ["prompt_tokens=1000,output_tokens=101"], "model": "meta-llama/Llama-3.1-8B"},
    "benchmarks": [
        {
            "type_": "generative_benchmark",
            "config": {"strategy": {"type_": "concurrent", "streams": CLIENTS}},
            "metrics": {
                "request_totals": {"successful": PROMPTS, "errored": 0, "incomplete": 3, "total": PROMPTS + 3},
                "time_to_first_token_ms": _guidellm_metric(TTFT_MS, p99=900.0),
                "time_per_output_token_ms": _guidellm_metric(TPOT_MS + TTFT_MS / OSL),
                "inter_token_latency_ms": _guidellm_metric(TPOT_MS),
                "request_latency": _guidellm_metric(E2E_S),
                "prompt_token_count": _guidellm_metric(ISL),
                "output_token_count": _guidellm_metric(OSL),
                "output_tokens_per_second": _guidellm_metric(OUTPUT_TPS),
                "requests_per_second": _guidellm_metric(PROMPTS / DURATION_S),
            },
        }
    ],
}
AIPERF = {
    "aiperf_version": "0.8.0", "was_cancelled": False, "error_summary": [],
    "input_config": {"endpoint": {"model_names": ["meta-llama/Llama-3.1-8B"]},
                     "loadgen": {"concurrency": CLIENTS, "request_count": PROMPTS}},
    "request_count": {"unit": "requests", "avg": PROMPTS},
    "request_throughput": {"unit": "requests/sec", "avg": PROMPTS / DURATION_S},
    "request_latency": {"unit": "ms", "avg": 1000 * E2E_S, "p50": 1100.0},
    "time_to_first_token": {"unit": "ms", "avg": TTFT_MS}, "inter_token_latency": {"unit": "ms", "avg": TPOT_MS},
    "inter_chunk_latency": {"unit": "ms", "avg": 55.0}, "input_sequence_length": {"unit": "tokens", "avg": ISL},
    "output_sequence_length": {"unit": "tokens", "avg": OSL},
    "output_token_throughput": {"unit": "tokens/sec", "avg": OUTPUT_TPS},
    "output_token_throughput_per_user": {"unit": "tokens/sec/user", "avg": 100.0},
}  # fmt: skip
GENAI_PERF = {name: value for name, value in AIPERF.items() if name not in ("aiperf_version", "error_summary")} | {
    "input_config": {"model_names": ["meta-llama/Llama-3.1-8B"],
                     "perf_analyzer": {"stimulus": {"concurrency": CLIENTS}}},
    "request_latency": {"unit": "ns", "avg": 1e9 * E2E_S},
}  # fmt: skip
INFERENCEX = {
    "hw": "cluster:h100-dgxc", "conc": CLIENTS, "model": "meta-llama/Llama-3.1-8B", "infmax_model_prefix": "llama",
    "framework": "vllm", "precision": "fp8", "spec_decoding": "none", "disagg": False, "isl": ISL, "osl": OSL,
    "is_multinode": False, "tp": 4, "ep": 1, "dp_attention": "false", "tput_per_gpu": 1.0,
    "output_tput_per_gpu": OUTPUT_TPS / 4, "mean_ttft": TTFT_MS / 1e3, "mean_tpot": TPOT_MS / 1e3, "mean_e2el": E2E_S,
    "mean_intvty": 100.0, "std_intvty": 1.0,
}  # fmt: skip
LLMPERF = {
    "version": "2023-08-31", "name": "x", "model": "meta-llama/Llama-3.1-8B", "mean_input_tokens": 900,
    "mean_output_tokens": 101, "num_concurrent_requests": CLIENTS, "results_ttft_s_mean": TTFT_MS / 1e3,
    "results_inter_token_latency_s_mean": E2E_S / OSL, "results_end_to_end_latency_s_mean": E2E_S,
    "results_number_input_tokens_mean": str(ISL), "results_number_output_tokens_mean": OSL,
    "results_mean_output_throughput_token_per_s": OUTPUT_TPS,
    "results_num_completed_requests_per_min": 60 * PROMPTS / DURATION_S,
    "results_num_requests_started": PROMPTS, "results_number_errors": 0, "results_error_code_frequency": "{}",
}  # fmt: skip
CSV = (
    "model,hardware,engine,concurrency,num_prompts,isl,osl,ttft_ms,tpot_s,e2e_ms,output_tps,remark\n"
    f'meta-llama/Llama-3.1-8B,H100,vllm,{CLIENTS},{PROMPTS},{ISL},{OSL},{TTFT_MS},0.01,1200,{OUTPUT_TPS},"a, b"\n'
)
BY_TOOL = {
    "vllm-bench": VLLM, "old vllm-bench": OLD_VLLM, "sglang-bench": SGLANG, "guidellm": GUIDELLM, "aiperf": AIPERF,
    "genai-perf": GENAI_PERF, "inferencex": INFERENCEX, "llmperf": LLMPERF, "csv": CSV,
}  # fmt: skip


def text_of(document):
    return document if isinstance(document, str) else json.dumps(document)


def only(document):
    runs = import_runs(text_of(document))
    assert not runs.refused
    (point,) = runs.points
    return point


@pytest.mark.parametrize("tool", BY_TOOL)
def test_the_same_run_reads_alike_from_every_tool(tool):
    point = only(BY_TOOL[tool])
    assert point.tool == tool.removeprefix("old ")
    assert (point.load_mode, point.concurrency, point.model) == (
        LoadMode.CLOSED_LOOP,
        CLIENTS,
        "meta-llama/Llama-3.1-8B",
    )
    expected = {"ttft_ms_mean": TTFT_MS, "e2e_s_mean": E2E_S, "output_tps": OUTPUT_TPS,
                "request_throughput": PROMPTS / DURATION_S}  # fmt: skip
    if tool != "llmperf":  # its inter-token latency counts the first token too
        expected["tpot_ms_mean"] = TPOT_MS
    else:
        assert "tpot_ms_mean" not in point.metrics
    assert {name: point.metrics[name] for name in expected} == pytest.approx(expected)
    assert (point.isl, point.osl) == pytest.approx((ISL, OSL))
    assert point.metrics.keys() <= set(METRICS)


def test_what_is_not_stated_is_missing_and_never_guessed():
    assert only(VLLM).missing == ("hardware", "engine")  # its backend is the client's protocol
    assert only(SGLANG).missing == ("hardware",)
    assert (only(SGLANG).engine, only(SGLANG).engine_version, dict(only(SGLANG).settings)) == (
        "sglang",
        "0.5.5",
        {"tp": 2},
    )
    assert only({**SGLANG, "backend": "vllm", "server_info": None}).missing == ("model", "hardware", "engine")
    assert only(INFERENCEX).missing == ()
    assert only(INFERENCEX).hardware == "h100"


def test_derived_figures_are_told_from_measured_ones():
    without_e2e = only({name: value for name, value in VLLM.items() if "e2el" not in name})
    assert without_e2e.metrics["e2e_s_mean"] == pytest.approx(E2E_S)
    assert "e2e_s_mean" in without_e2e.derived
    assert "e2e_s_mean" not in only(VLLM).derived
    assert "output_tps" in only(INFERENCEX).derived


@pytest.mark.parametrize("rate", ["inf", math.inf, 1e9])
def test_no_limit_of_the_rate_with_clients_is_a_closed_loop_and_without_a_burst(rate):
    assert only({**VLLM, "request_rate": rate}).load_mode is LoadMode.CLOSED_LOOP
    burst = only({**VLLM, "request_rate": rate, "max_concurrency": None})
    assert (burst.load_mode, burst.num_prompts) == (LoadMode.BURST, PROMPTS)


def test_a_finite_rate_is_an_open_loop():
    point = only({**VLLM, "request_rate": 4.0, "max_concurrency": None})
    assert (point.load_mode, point.request_rate, point.concurrency) == (LoadMode.POISSON, 4.0, None)


def test_several_runs_of_a_file_are_several_points():
    lines = "\n".join(json.dumps({**SGLANG, "request_rate": rate}) for rate in (1.0, 2.0, 4.0))
    assert [point.request_rate for point in import_runs(lines).points] == [1.0, 2.0, 4.0]
    appended = json.dumps(VLLM) + json.dumps(OLD_VLLM)
    assert len(import_runs(appended).points) == 2
    assert len(import_runs(json.dumps([INFERENCEX, INFERENCEX])).points) == 2
    assert len(import_runs(json.dumps({"benchmarks": [INFERENCEX, {**INFERENCEX, "conc": 4}]})).points) == 2
    assert len(import_runs(json.dumps({"1": LLMPERF, "2": LLMPERF})).points) == 2
    sweep = {**GUIDELLM, "benchmarks": GUIDELLM["benchmarks"] * 3}
    assert [point.position for point in import_runs(json.dumps(sweep)).points] == [f"benchmarks[{i}]" for i in range(3)]


def test_one_bad_run_stops_no_other():
    lines = json.dumps(VLLM) + "\n" + json.dumps({**VLLM, "mean_ttft_ms": -1.0}) + "\n" + json.dumps(VLLM)[:300]
    runs = import_runs(lines)
    assert len(runs.points) == 1
    assert [run.position for run in runs.refused] == ["run 2", "run 3"]
    assert "mean_ttft_ms" in runs.refused[0].reason
    assert "cut" in runs.refused[1].reason


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, -3.5, "fast", [1], True])
@pytest.mark.parametrize(
    ("document", "field"),
    [(VLLM, "mean_ttft_ms"), (SGLANG, "mean_tpot_ms"), (INFERENCEX, "mean_e2el"), (LLMPERF, "results_ttft_s_mean"),
     (VLLM, "output_throughput"), (VLLM, "total_input_tokens"), (AIPERF, "time_to_first_token")],
)  # fmt: skip
def test_a_value_that_cannot_be_is_an_error_that_names_the_field(document, field, value):
    broken = {**document, field: {"unit": "ms", "avg": value} if document is AIPERF else value}
    if field == "total_input_tokens" and value == 0.0:
        assert only(broken).isl is None  # not counted, which is not an impossible value
        return
    with pytest.raises(InvalidRequestError, match=field) as error:
        import_runs(text_of(broken))
    assert field in error.value.param["field"]


def test_nan_in_a_table_is_an_error_and_an_empty_cell_is_not():
    with pytest.raises(InvalidRequestError, match="ttft_ms_mean"):
        import_runs(CSV.replace(f",{TTFT_MS},", ",NaN,"))
    assert "ttft_ms_mean" not in only(CSV.replace(f",{TTFT_MS},", ",,")).metrics


def test_seconds_where_milliseconds_belong_are_noticed():
    with pytest.raises(InvalidRequestError, match="units"):
        import_runs(json.dumps({**VLLM, "mean_e2el_ms": E2E_S}))
    with pytest.raises(InvalidRequestError, match=r"units|longer than"):
        import_runs(json.dumps({**INFERENCEX, "mean_ttft": TTFT_MS}))


def test_units_are_obeyed_not_guessed():
    seconds = {**AIPERF, "time_to_first_token": {"unit": "s", "avg": TTFT_MS / 1e3}}
    assert only(seconds).metrics["ttft_ms_mean"] == pytest.approx(TTFT_MS)
    with pytest.raises(InvalidRequestError, match=r"time_to_first_token\.unit"):
        import_runs(json.dumps({**AIPERF, "time_to_first_token": {"unit": "fortnights", "avg": 1}}))


def test_a_failed_run_teaches_nothing():  # a run without requests has zeros everywhere
    failed = {**VLLM, "completed": 17, "total_output_tokens": 0, "mean_ttft_ms": 0.0, "output_throughput": 0.0}
    with pytest.raises(InvalidRequestError, match="total_output_tokens"):
        import_runs(json.dumps(failed))
    with pytest.raises(InvalidRequestError, match="completed"):
        import_runs(json.dumps({**VLLM, "completed": 0}))
    partly = only({**VLLM, "num_prompts": 200, "failed": 100})
    assert any("100 of 200" in note for note in partly.notes)


def test_one_output_token_has_no_tpot():
    single = {**VLLM, "total_output_tokens": PROMPTS, "mean_tpot_ms": 0.0, "median_tpot_ms": 0.0, "p99_tpot_ms": 0.0,
              "mean_itl_ms": 0.0, "p99_itl_ms": 0.0, "mean_e2el_ms": TTFT_MS}  # fmt: skip
    assert "tpot_ms_mean" not in only(single).metrics


def test_runs_that_no_prediction_can_match_say_why():
    assert "speculative" in only({**INFERENCEX, "spec_decoding": "mtp"}).not_predictable
    assert "prefill" in only({**INFERENCEX, "disagg": True}).not_predictable


def test_a_per_gpu_rate_that_contradicts_the_concurrency_is_left_out():
    point = only({**INFERENCEX, "tp": 1, "output_tput_per_gpu": OUTPUT_TPS * 8})
    assert "output_tps" not in point.metrics
    assert any("left out" in note for note in point.notes)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x1f\x8b\x08\x00", "compressed"),
        (b"\xff\x00\x80abc", "not text"),
        (json.dumps(VLLM)[:200], "cut"),
        ("{'model_id': 1}", "not JSON"),
        ("[" * 100_000, "nested|cut"),
        ("[1, 2]", "a run is an object"),
        ('{"results": {"mmlu": 1}, "config_general": {}}', "accuracy"),
        ('{"hello": 1}', "hello"),
        ("hello world", "no known tool"),
        ("MLPerf Results Summary\nSUT name : x", "MLPerf"),
        ("name,price\nx,1\n", "no known tool"),
        ("benchmarks: &a [*a]\n", "YAML"),
        (CSV.replace("remark", "isl"), "twice"),
    ],
)
def test_files_of_other_tools_are_refused_with_the_reason(content, words):
    with pytest.raises(InvalidRequestError, match=words):
        import_runs(content)


def test_a_report_in_yaml_reads_as_in_json():
    import yaml

    assert only(yaml.safe_dump(GUIDELLM, sort_keys=False)).metrics == only(GUIDELLM).metrics


def test_a_file_beyond_the_limit_is_refused_before_it_is_parsed(monkeypatch):
    monkeypatch.setattr(importer, "MAX_FILE_BYTES", 1000)
    with pytest.raises(PayloadTooLargeError, match="MB"):
        import_runs("{" + " " * 2000)
