import pytest
from search_doubles import AnalyticPredictor, engine_option, group, search_case, tiny_arch

from budsim.perf_model.memory import PlatformAllocation
from budsim.perf_model.parallelism import ParallelPlan
from budsim.simulator.direct_search import search
from budsim.simulator.lora import adapter_bytes_per_device, engine_holds, max_loras
from budsim.simulator.objective import adapters
from budsim.simulator.search_space import serving_point

LLAMA_8B = tiny_arch(
    num_hidden_layers=32,
    hidden_size=4096,
    num_attention_heads=32,
    num_key_value_heads=8,
    head_dim=128,
    intermediate_size=14336,
    tie_word_embeddings=False,
)


def allocation(total_bytes):
    return PlatformAllocation(total_bytes, total_bytes, 0.0, 0.0)


def test_an_adapter_of_an_8b_model_counts_every_projection():
    # q, o: 4096+4096; k, v: 4096+1024; gate, up, down: 4096+14336; rank 256, 32 layers, 2 bytes.
    expected = 2 * 32 * 256 * (2 * 8192 + 2 * 5120 + 3 * 18432)
    assert adapter_bytes_per_device(LLAMA_8B, ParallelPlan()) == expected


def test_parallel_layouts_never_need_more_per_device():
    alone = adapter_bytes_per_device(LLAMA_8B, ParallelPlan())
    tp2, pp2 = (adapter_bytes_per_device(LLAMA_8B, plan) for plan in (ParallelPlan(2, 1), ParallelPlan(1, 2)))
    assert alone / 2 < tp2 < alone
    assert pp2 == alone / 2


@pytest.mark.parametrize(("room_for", "expected"), [(9.5, 5), (5.01, 5), (3.5, 3), (1.2, 1), (0.9, None), (0.0, None)])
def test_as_many_as_fit_up_to_five(room_for, expected):
    adapter = adapter_bytes_per_device(LLAMA_8B, ParallelPlan())
    base = 20e9
    available = (base + room_for * adapter) / 0.95 + 2e9
    assert max_loras(LLAMA_8B, ParallelPlan(), allocation(base), available) == expected


def test_only_engines_with_adapters_offer_them():
    case = search_case(group(1))
    assert adapters(search(case, AnalyticPredictor()).best, case) is None
    offering = search_case(group(1), engine=engine_option(supports_lora=True))
    assert adapters(search(offering, AnalyticPredictor()).best, offering) == 5


def test_adapters_that_push_the_load_out_of_the_engines_cache_are_not_offered():
    case = search_case(group(1), engine=engine_option(supports_lora=True))
    best = search(case, AnalyticPredictor()).best
    point = serving_point(case, best.candidate, None)
    assert engine_holds(point, 1e9)
    assert not engine_holds(point, point.device.memory_bytes)
