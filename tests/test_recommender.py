"""The recommender document's test classes: GPU library, model architecture, recommendations, results.

The package's own laws: ``tests/unit/recommender/test_recommender.py``.
"""

import json

import pytest

from budsim.commons.errors import UnknownHardwareError
from budsim.recommender import (
    GPU_LIBRARY,
    GPURecommendation,
    ModelArchitecture,
    PerformanceEstimate,
    estimate_performance,
    estimate_performance_batch,
    filter_recommendations_by_budget,
    find_gpu_recommendations,
    get_gpu_spec,
    list_available_gpus,
    recommend_gpus,
)

SMALL = "Qwen/Qwen3-0.6B"
MEDIUM = "meta-llama/Llama-3.1-8B"
# The document's sizes, but for two cards that its list has wrong: B200 (180 GB, datasheet) and L20 (48 GB, datasheet).
MEMORY_GB = {
    "H100": 80, "H200": 141, "B100": 192, "B200": 180, "A100": 80, "A100-40GB": 40, "L40": 48, "L40S": 48, "L20": 48,
    "V100": 32,
}  # fmt: skip


@pytest.fixture(scope="module")
def small():
    return ModelArchitecture(SMALL)


@pytest.fixture(scope="module")
def medium():
    return ModelArchitecture(MEDIUM)


@pytest.fixture(scope="module")
def result(medium):
    return recommend_gpus(medium, gpus=["L4", "L40S", "A100", "H100"], max_tensor_parallel=4)


class TestGPULibrary:
    @pytest.mark.parametrize("name", MEMORY_GB)
    def test_memory_is_the_datasheets(self, name):
        spec = get_gpu_spec(name)
        assert (spec.name, spec.memory_gb) == (name, MEMORY_GB[name])
        assert spec.manufacturer == "NVIDIA"
        assert spec.tflops > 100
        assert 2017 <= spec.release_year <= 2025

    def test_the_list_is_the_library(self):
        assert list_available_gpus() == list(GPU_LIBRARY)
        assert set(MEMORY_GB) <= set(GPU_LIBRARY)

    def test_an_unknown_gpu_is_not_invented(self):
        with pytest.raises(UnknownHardwareError):
            get_gpu_spec("H1000")


class TestModelArchitecture:
    def test_total_memory_is_weights_and_cache(self, medium):
        total = medium.total_memory_gb(8192, 4)
        assert total == pytest.approx(medium.model_memory_gb() + medium.kv_cache_memory_gb(8192, 4))

    def test_cache_grows_with_context_and_batch(self, small):
        base = small.kv_cache_memory_gb(1024, 1)
        assert small.kv_cache_memory_gb(2048, 1) == pytest.approx(2 * base)
        assert small.kv_cache_memory_gb(1024, 8) == pytest.approx(8 * base)

    def test_an_explicit_head_width_counts(self, small):
        assert small.kv_cache_memory_gb(1, 1) * 1e9 == pytest.approx(28 * 2 * 8 * 128 * 2)  # of the published config

    def test_tensor_parallel_sizes_divide_the_heads(self, small, medium):
        assert all(16 % size == 0 for size in small.possible_tensor_parallel_sizes())
        assert all(32 % size == 0 for size in medium.possible_tensor_parallel_sizes())

    def test_the_longest_context_is_the_configs(self, small, medium):
        assert (small.max_context_length(), medium.max_context_length()) == (40960, 131072)


class TestGPURecommendation:
    def test_a_small_model_fits_one_of_each(self, small):
        found = find_gpu_recommendations(small)
        assert {item.gpu_spec.name for item in found} == set(list_available_gpus())
        assert all(isinstance(item, GPURecommendation) and item.fits_in_memory and item.num_gpus == 1 for item in found)

    def test_tensor_parallelism_grows_by_doubling_until_the_model_fits(self):
        large = ModelArchitecture("meta-llama/Llama-3.1-70B-Instruct")
        sizes = [item.tensor_parallel_size for item in find_gpu_recommendations(large, gpus=["A100"])]
        assert sizes == [2**power for power in range(len(sizes))]
        assert len(sizes) > 1

    def test_more_context_leaves_room_for_fewer_requests(self, medium):
        (short,) = find_gpu_recommendations(medium, gpus=["H100"], context_length=2048)
        (long,) = find_gpu_recommendations(medium, gpus=["H100"], context_length=16384)
        assert long.max_concurrent_requests < short.max_concurrent_requests

    def test_a_budget_of_gpus_and_memory_holds(self, medium):
        kept = filter_recommendations_by_budget(find_gpu_recommendations(medium), 1, 48)
        assert kept
        assert all(item.num_gpus == 1 and item.gpu_spec.memory_gb <= 48 for item in kept)

    def test_one_estimate_is_one_of_the_batch(self, medium):
        found = find_gpu_recommendations(medium, gpus=["A100", "H100"])
        batch = estimate_performance_batch(found)
        assert all(isinstance(item, PerformanceEstimate) for item in batch)
        assert batch == [estimate_performance(item) for item in found]


class TestRecommendationResult:
    def test_fitting_only_keeps_what_fits(self, result):
        fits = [item for item in result.recommendations if item.recommendation.fits_in_memory]
        assert result.filter_fitting_only().recommendations == fits

    def test_a_name_filters(self, result):
        names = {item.recommendation.gpu_spec.name for item in result.filter_by_gpu_name("H100").recommendations}
        assert names == {"H100"}

    def test_a_faster_gpu_answers_first(self, result):
        order = [
            i.recommendation.gpu_spec.name for i in result.filter_fitting_only().sort_by_performance().recommendations
        ]
        assert order.index("H100") < order.index("A100") < order.index("L4")

    def test_the_report_has_the_documents_head_and_columns(self, result):
        text = result.summary()
        for words in ("GPU Recommendation Report", f"Model: {MEDIUM}", "Precision: fp16", "Input Length:", "viable"):
            assert words in text
        for column in ("GPU", "TP", "TTFT", "ITL"):
            assert column in text

    def test_the_dictionary_survives_json(self, result):
        assert json.loads(json.dumps(result.to_dict())) == result.to_dict()
