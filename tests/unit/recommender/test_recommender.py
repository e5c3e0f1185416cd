"""GPU recommendations obey memory, the predictor, and the caller's limits."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

import budsim
import budsim.recommender as recommender
from budsim.cli import main
from budsim.commons.errors import InvalidRequestError, UnknownHardwareError, UnknownModelError
from budsim.recommender import (
    ModelArchitecture,
    RecommendationResult,
    estimate_performance,
    filter_recommendations_by_budget,
    find_gpu_recommendations,
    get_gpu_spec,
    list_available_gpus,
    load_gpu_library,
    recommend_gpus,
)
from budsim.recommender.sizing import point_row
from budsim.simulator import points_table

GUIDE = Path(__file__).parents[3] / "docs" / "gpu-recommender.md"


@pytest.fixture(scope="module")
def llama():
    return ModelArchitecture("meta-llama/Llama-3.1-8B")


@pytest.fixture(scope="module")
def result(llama):
    return recommend_gpus(llama, input_length=512, output_length=128, batch_size=8)


# ------------------------------------------------------------------------------------------------------------- surface
def test_the_documents_names_are_public():
    names = """recommend_gpus ModelArchitecture GPUSpec get_gpu_spec list_available_gpus GPURecommendation
    find_gpu_recommendations filter_recommendations_by_budget PerformanceEstimate estimate_performance
    estimate_performance_batch RecommendationWithPerformance RecommendationResult""".split()
    assert set(names) <= set(recommender.__all__)
    assert all(getattr(recommender, name) for name in recommender.__all__)
    assert not hasattr(recommender, "no_such_name")


def test_the_guides_examples_run_as_written(capsys):
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    scope = {}
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), scope)  # noqa: S102 - the guide's own examples
    printed = capsys.readouterr().out
    assert printed.count("GPU Recommendation Report") == 2
    assert "Input Length: 2048 tokens" in printed
    assert scope["ttft"] > 0


# ---------------------------------------------------------------------------------------------------------- the library
def test_the_documents_gpus_are_there_first():
    assert list_available_gpus()[:10] == [
        "H100",
        "H200",
        "B100",
        "B200",
        "A100",
        "A100-40GB",
        "L40",
        "L40S",
        "L20",
        "V100",
    ]
    makers = {get_gpu_spec(name).manufacturer for name in list_available_gpus()}
    assert makers == {"NVIDIA", "AMD", "Intel"}


@pytest.mark.parametrize(
    ("name", "memory_gb", "tflops", "capability", "year"),
    [  # datasheets: dense 16-bit peak
        ("H100", 80, 989.5, "9.0", 2022),
        ("H200", 141, 989.5, "9.0", 2023),
        ("A100", 80, 312, "8.0", 2020),
        ("L40S", 48, 362, "8.9", 2023),
        ("V100", 32, 125, "7.0", 2018),
    ],
)
def test_a_gpu_has_its_datasheet(name, memory_gb, tflops, capability, year):
    spec = get_gpu_spec(name)
    assert (spec.name, spec.memory_gb, spec.compute_capability, spec.release_year) == (
        name,
        memory_gb,
        capability,
        year,
    )
    assert spec.tflops == pytest.approx(tflops, rel=2e-3)


def test_any_spelling_of_the_catalogue_is_a_gpu_and_nothing_else_is():
    assert get_gpu_spec("nvidia-l4").device.name == "NVIDIA L4"
    with pytest.raises(UnknownHardwareError):
        get_gpu_spec("H900")
    with pytest.raises(InvalidRequestError):
        get_gpu_spec("Xeon 8480+")


def test_a_library_of_ones_own(tmp_path):
    file = tmp_path / "gpus.json"
    own = {"name": "Acme X1 96GB", "device_type": "cuda", "memory_gb": 96, "memory_bandwidth_gb_s": 4000,
           "bf16_tflops": 800}  # fmt: skip
    file.write_text(json.dumps({"gpus": {"big": "H200"}, "devices": [own]}))
    library = load_gpu_library(file)
    assert list(library) == ["big", "Acme X1 96GB"]
    found = recommend_gpus("Qwen/Qwen3-0.6B", gpus=library.values())
    assert {item.recommendation.gpu_spec.name for item in found.recommendations} == set(library)
    assert "Acme X1 96GB" not in list_available_gpus()


@pytest.mark.parametrize("text", ["[]", "gpus: 7", "devices: {a: 1}", "gpus: [H900]", "{", "devices: [{name: X}]"])
def test_a_wrong_library_is_refused(tmp_path, text):
    file = tmp_path / "gpus.yaml"
    file.write_text(text)
    with pytest.raises(InvalidRequestError):
        load_gpu_library(file)


# ------------------------------------------------------------------------------------------------------------ the model
def test_memory_of_llama_8b_is_its_arithmetic(llama):
    assert llama.parameters == 8_030_261_248  # safetensors total of the checkpoint
    assert llama.model_memory_gb("fp16") == pytest.approx(16.06, rel=0.005)
    per_token = 32 * 2 * 8 * 128 * 2  # layers x (K and V) x heads x width x bytes
    assert llama.kv_cache_memory_gb(4096, 3) == pytest.approx(3 * 4096 * per_token / 1e9)
    assert llama.total_memory_gb(4096) == pytest.approx(llama.model_memory_gb() + llama.kv_cache_memory_gb(4096))
    assert llama.max_context_length() == 131072
    assert llama.possible_tensor_parallel_sizes() == [1, 2, 4, 8, 16, 32]
    assert (llama.model_name, llama.is_moe) == ("meta-llama/Llama-3.1-8B", False)


def test_narrower_weights_take_less(llama):
    sizes = [llama.model_memory_gb(name) for name in ("fp32", "fp16", "fp8", "awq")]
    assert sizes == sorted(sizes, reverse=True)


def test_an_unknown_model_is_said():
    with pytest.raises(UnknownModelError, match="none-such"):
        ModelArchitecture("acme/none-such")


# --------------------------------------------------------------------------------------------------- recommendations
def test_figures_are_those_of_predict_and_memory(result):
    fitting = [item for item in result.recommendations if item.recommendation.fits_in_memory]
    points = pd.DataFrame([point_row(item.recommendation.size) for item in fitting])
    predicted = budsim.predict(points).to_dict("records")
    memory = points_table.estimate_memory(points).to_dict("records")
    for item, times, split in zip(fitting, predicted, memory, strict=True):
        own, speed = item.recommendation, item.performance
        assert speed.time_to_first_token_ms == pytest.approx(times["ttft_ms_p50"])
        assert speed.inter_token_latency_ms == pytest.approx(times["tpot_ms_mean"])
        assert speed.throughput_tokens_per_second == pytest.approx(times["output_tps"])
        assert own.memory_per_gpu_gb * 1e9 == pytest.approx(split["model_loading_gib"] * 2**30)
        assert own.available_kv_cache_gb * 1e9 == pytest.approx(split["available_kv_gib"] * 2**30)
        assert own.max_concurrent_requests == int(split["max_concurrency"])


def test_gpus_come_by_memory_and_stop_at_the_first_layout_that_fits(result):
    sizes = [item.recommendation.gpu_spec.memory_gb for item in result.recommendations]
    assert sizes == sorted(sizes)
    by_gpu = {}
    for item in result.recommendations:
        by_gpu.setdefault(item.recommendation.gpu_spec.name, []).append(item.recommendation)
    for tried in by_gpu.values():
        assert [own.fits_in_memory for own in tried] == [False] * (len(tried) - 1) + [tried[-1].fits_in_memory]
        assert [own.num_gpus for own in tried] == sorted(own.num_gpus for own in tried)


def test_what_does_not_fit_says_why_and_has_no_times(llama):
    found = recommend_gpus(llama, gpus=["T4"], max_tensor_parallel=1)
    (item,) = found.recommendations
    assert not item.recommendation.fits_in_memory
    assert item.recommendation.max_concurrent_requests == 0
    assert item.performance.error == item.recommendation.reason != ""
    assert item.performance.time_to_first_token_ms is None


def test_limits_hold(llama):
    found = find_gpu_recommendations(llama, batch_size=256, input_length=4000, max_tensor_parallel=2, max_gpus=2)
    assert max(item.tensor_parallel_size for item in found) <= 2
    assert max(item.num_gpus for item in found) <= 2


def test_pipeline_stages_hold_what_one_server_does_not():
    model = ModelArchitecture("meta-llama/Llama-3.1-405B")
    without = find_gpu_recommendations(model, gpus=["A100"])
    staged = find_gpu_recommendations(model, gpus=["A100"], max_pipeline_parallel=4)
    assert not any(item.fits_in_memory for item in without)
    fitting = [item for item in staged if item.fits_in_memory]
    assert fitting[0].pipeline_parallel_size > 1
    assert fitting[0].crosses_nodes
    assert fitting[0].num_nodes == fitting[0].pipeline_parallel_size


def test_copies_multiply_gpus_and_room(llama):
    one, two = (find_gpu_recommendations(llama, gpus=["H100"], data_parallel_size=size)[-1] for size in (1, 2))
    assert two.num_gpus == 2 * one.num_gpus
    assert two.usd_per_hour == 2 * one.usd_per_hour
    assert two.power_watts == 2 * one.power_watts
    assert two.max_concurrent_requests >= 2 * one.max_concurrent_requests
    assert estimate_performance(two).throughput_tokens_per_second > 0


def test_experts_can_be_spread(capsys):
    model = ModelArchitecture("Qwen/Qwen3-30B-A3B")
    assert model.is_moe
    assert model.active_parameters < model.parameters
    found = find_gpu_recommendations(model, gpus=["A100-40GB"], expert_parallel=True)
    fitting = next(item for item in found if item.fits_in_memory)
    assert fitting.expert_parallel_size == fitting.tensor_parallel_size > 1
    assert fitting.engine_parameters["enable_expert_parallel"] is True


def test_engine_parameters_are_what_was_counted_with(llama):
    (own,) = find_gpu_recommendations(
        llama, gpus=["H100"], context_length=9000, gpu_memory_utilization=0.7, kv_cache_dtype="fp8"
    )
    assert own.engine_parameters["max_model_len"] == 9000
    assert own.engine_parameters["gpu_memory_utilization"] == 0.7
    (wider,) = find_gpu_recommendations(llama, gpus=["H100"], context_length=9000, gpu_memory_utilization=0.7)
    assert own.max_concurrent_requests == pytest.approx(2 * wider.max_concurrent_requests, abs=2)


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"input_length": 0}, "input_length"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"context_length": 100}, "context_length"),
        ({"max_gpus": 0}, "max_gpus"),
        ({"gpu_memory_utilization": 1.5}, "gpu_memory_utilization"),
        ({"precision": "int3"}, "precision"),
        ({"engine": "nosuch"}, "engine"),
    ],
)
def test_a_wrong_wish_is_named(llama, wish, field):
    with pytest.raises(InvalidRequestError) as problem:
        recommend_gpus(llama, **wish)
    assert problem.value.param["field"] == field


# -------------------------------------------------------------------------------------------------------------- results
def test_filters_make_new_results_and_sorts_change_this_one(result):
    whole = len(result.recommendations)
    fitting = result.filter_fitting_only()
    assert all(item.recommendation.fits_in_memory for item in fitting.recommendations)
    assert len(result.recommendations) == whole
    assert {i.recommendation.gpu_spec.name for i in result.filter_by_gpu_name("l40").recommendations} == {"L40", "L40S"}
    assert fitting.sort_by_performance() is fitting
    times = [item.performance.time_to_first_token_ms for item in fitting.recommendations]
    assert times == sorted(times)
    fitting.sort_by_cost()
    sizes = [i.recommendation.num_gpus * i.recommendation.gpu_spec.memory_gb for i in fitting.recommendations]
    assert sizes == sorted(sizes)
    fitting.sort_by_throughput()
    rates = [item.performance.throughput_tokens_per_second for item in fitting.recommendations]
    assert rates == sorted(rates, reverse=True)
    priced = [i.recommendation.usd_per_hour for i in fitting.sort_by_price().recommendations]
    known = [price for price in priced if price is not None]
    assert priced[: len(known)] == sorted(known)


def test_budgets_hold_and_unknown_figures_are_not_within_them(result):
    own = [item.recommendation for item in result.recommendations]
    kept = filter_recommendations_by_budget(own, 1, 80, max_usd_per_hour=2.0, max_power_watts=400)
    assert kept
    for item in kept:
        assert item.num_gpus == 1
        assert item.gpu_spec.memory_gb <= 80
        assert item.usd_per_hour <= 2.0
        assert item.power_watts <= 400
    same = result.filter_by_budget(1, 80, max_usd_per_hour=2.0, max_power_watts=400)
    assert [item.recommendation for item in same.recommendations] == kept


def test_the_summary_is_a_table_of_equal_lines(result):
    text = result.summary()
    assert text.startswith("=" * 80 + "\nGPU Recommendation Report\n" + "=" * 80)
    assert f"Found {len(result.recommendations)} viable configurations" in text
    table = [line for line in text.splitlines() if line[:1] in set("╒│╞└")]
    assert len({len(line) for line in table}) == 1
    assert sum(line.count("YES") for line in table) == len(result.filter_fitting_only().recommendations)


def test_the_dictionary_is_plain_json(result):
    stored = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert stored["model"] == "meta-llama/Llama-3.1-8B"
    assert len(stored["recommendations"]) == len(result.recommendations)
    assert stored["recommendations"][0]["performance"].keys() >= {"time_to_first_token_ms", "intervals", "confidence"}


def test_an_empty_result_can_be_shown():
    assert "Found 0 viable configurations" in RecommendationResult("m", "fp16", 1, 1).summary()


# ------------------------------------------------------------------------------------------------------------------ CLI
def run(*words):
    return CliRunner().invoke(main, ["recommend", *words])


def test_the_command_prints_the_table_or_json():
    table = run("Qwen/Qwen3-0.6B", "--gpu", "H100", "--gpu", "MI300X")
    assert (table.exit_code, table.output.count("YES")) == (0, 2)
    stored = json.loads(run("Qwen/Qwen3-0.6B", "--gpu", "L4", "--json", "--precision", "stored").output)
    assert [row["device"] for row in stored["recommendations"]] == ["NVIDIA L4"]


def test_the_command_says_with_its_code_that_nothing_fits_or_a_word_is_wrong():
    nothing = run("meta-llama/Llama-3.1-405B", "--gpu", "T4")
    assert nothing.exit_code == 3
    assert "NO" in nothing.output
    assert run("Qwen/Qwen3-0.6B", "--gpu", "H900").exit_code == 2
    assert run("acme/none-such").exit_code == 2
