# ruff: noqa: E501
"""Start-up logs of other versions, devices and engines than those that vLLM's constants were fitted on.

Each case is a few lines in the engine's wording, written here from figures that were published; ``source`` says where.
Bounds are the errors reached, rounded up; a wide one says what is missing in its comment. Three groups gave one constant
each and so check it only against each other: MI300X (HIP context), Hopper at TP 4 and 8 (communicators), PCIe at TP 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from budsim.commons.catalogs import hardware_catalog
from budsim.model_ops.services import default_library
from budsim.model_ops.startup_import import import_startup_log
from budsim.perf_model.startup_log import parse_startup_log


@dataclass(frozen=True)
class Started:
    """What one published start said of its memory; GiB, tokens."""

    source: str
    version: str
    model: str
    hardware: str
    dtype: str
    max_model_len: int
    cache: float | None = None
    tokens: int | None = None
    weights: float | None = None
    tp: int = 1
    budget: int | None = None
    args: str = ""
    lines: tuple[str, ...] = ()
    eager: bool = False
    quantization: str = "None"
    bound: float = 0.01
    weights_bound: float = 0.006

    def log(self) -> str:
        """Return the lines that a start prints, without stamps."""
        config = (
            f"model='{self.model}', dtype=torch.{self.dtype}, max_seq_len={self.max_model_len}, "
            f"tensor_parallel_size={self.tp}, pipeline_parallel_size=1, quantization={self.quantization}, "
            f"enforce_eager={self.eager}, kv_cache_dtype=auto, device_config=cuda"
        )
        found = [
            f"non-default args: {{{self.args}}}",
            f"Initializing a V1 LLM engine (v{self.version}) with config: {config}",
        ]
        if self.budget:
            found.append(f"Chunked prefill is enabled with max_num_batched_tokens={self.budget}.")
        if self.weights:
            found.append(f"Model loading took {self.weights} GiB memory and 4.5 seconds")
        if self.cache:
            found.append(f"Available KV cache memory: {self.cache} GiB")
        if self.tokens:
            found.append(f"GPU KV cache size: {self.tokens:,} tokens")
        return "\n".join((*found, *self.lines, "Application startup complete."))


ROCM = ("[rocm.py:251] Using Triton Attention backend on V1 engine.",)
STARTS = [
    Started("public notes, A100 40 GB", "0.9.2", "Qwen/Qwen3-8B", "A100 SXM4 40GB", "bfloat16", 40960, 18.69, 136_080,
            15.2683, budget=2048),
    Started("public notes, A100 40 GB", "0.19.1", "Qwen/Qwen3-8B", "A100 SXM4 40GB", "bfloat16", 40960, 19.36, 140_960,
            15.27),
    Started("public notes, a 48 GB card", "0.15.1", "meta-llama/Llama-3.1-8B", "RTX A6000", "float16", 128_000, 26.54,
            217_376, 14.99, budget=2048),
    Started("public lab notes, 2 x L40S", "0.16.0", "TechxGenus/Meta-Llama-3-70B-Instruct-AWQ", "L40S", "float16", 8192,
            20.16, 132_128, 18.55, tp=2, budget=2048, quantization="awq_marlin"),
    Started("public lab notes, 2 x L40S", "0.10.2", "Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "L40S", "bfloat16", 32768,
            25.91, 566_016, tp=2, args="'gpu_memory_utilization': 0.95, 'enable_expert_parallel': True"),
    Started("public notes, MI300X", "0.11.0rc2.dev98+g393de22d2", "google/gemma-3-27b-it", "MI300X", "bfloat16", 4096,
            109.86, 205_696, 51.7891, budget=8192, lines=ROCM, weights_bound=0.01),
    Started("ROCm tutorial, 2 x MI300X", "0.9.2.dev364+gb432b7a28", "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "MI300X",
            "bfloat16", 4096, 151.25, 1_652_080, 13.9902, tp=2, lines=ROCM),
    # the 32 GB Volta shows 31.74 GiB, more than other cards of its size
    Started("public notes, V100 32 GB", "0.18.0", "Qwen/Qwen2.5-7B-Instruct", "Tesla V100 32GB", "float16", 32768, 13.1,
            245_360, 14.25, budget=8192, eager=True, bound=0.03),
    # the Marlin kernels that Ampere uses for mxfp4 keep 0.24 GiB more than is counted
    Started("myoceane.fr, A100", "0.19.0", "openai/gpt-oss-20b", "A100 SXM4 80GB", "bfloat16", 131_072, 36.56, None, 13.72,
            args="'gpu_memory_utilization': 0.65", quantization="mxfp4", weights_bound=0.02),
    Started("myoceane.fr, A100", "0.19.0", "google/gemma-4-26B-A4B", "A100 SXM4 80GB", "bfloat16", 131_072, 21.5, None,
            48.5, args="'gpu_memory_utilization': 0.9", eager=True),
    Started("public benchmark notes", "0.18.0", "meta-llama/Llama-3.1-8B-Instruct", "A100 SXM4 40GB", "bfloat16", 32768,
            19.92, 163_168),
    Started("public benchmark notes", "0.18.0", "meta-llama/Llama-3.1-8B-Instruct", "H100 NVL", "bfloat16", 32768, None,
            545_456),
    Started("public benchmark notes", "0.18.0", "meta-llama/Llama-3.1-8B-Instruct", "RTX A6000", "bfloat16", 32768, None,
            221_824),
    # a KV connector was loaded as well
    Started("vllm-project/vllm issue 21348", "0.9.2", "Qwen/Qwen3-235B-A22B-FP8", "H100", "bfloat16", 40960, 8.11, 178_880,
            tp=4, bound=0.05),
]  # fmt: skip


def imported(text: str, hardware: str, model: str | None = None) -> dict[str, dict[str, float | None]]:
    answer = import_startup_log(
        text,
        resolve_model=default_library().resolve,
        match_device=lambda name: hardware_catalog().match(name).spec,
        model=model,
        hardware=hardware,
    )
    return {row["quantity"]: row for row in answer["comparison"]} | {"predicted": answer["predicted"]}


@pytest.mark.parametrize(
    "case", STARTS, ids=lambda case: f"{case.version[:6]}-{case.model.rpartition('/')[2]}-{case.hardware}"
)
def test_a_start_elsewhere_is_predicted_from_its_config(case: Started) -> None:
    rows = imported(case.log(), case.hardware)
    assert rows["predicted"] == "starts"
    for quantity in ("KV cache", "KV tokens"):
        if (error := rows[quantity]["relative_error"]) is not None:
            assert abs(error) <= case.bound, (quantity, error)
    if case.weights:
        assert abs(rows["weights"]["relative_error"] or 0.0) <= case.weights_bound


FIRST_GENERATION = "Initializing an LLM engine (v{version}) with config: model='{model}', dtype=torch.{dtype}, max_seq_len={length}, tensor_parallel_size=1, device_config=cuda"
PROFILE = (
    "the current vLLM instance can use total_gpu_memory ({total}GiB) x gpu_memory_utilization ({share}) = {asked}GiB\n"
    "model weights take {weights}GiB; non_torch_memory takes {other}GiB; PyTorch activation peak memory takes "
    "{activation}GiB; the rest of the memory reserved for KV Cache is {cache}GiB."
)


@pytest.mark.parametrize(
    ("version", "model", "hardware", "dtype", "length", "figures", "bound"),
    [
        # a whole prompt of 32k tokens is profiled; non-torch was 0.01 GiB there
        ("0.7.3", "Qwen/Qwen2.5-1.5B-Instruct", "T4", "float16", 32768,
         {"total": 14.56, "share": 0.5, "asked": 7.28, "weights": 2.89, "other": 0.01, "activation": 2.02, "cache": 2.36},
         0.07),
        ("0.6.6", "meta-llama/Llama-3.1-8B-Instruct", "A100 SXM4 80GB", "bfloat16", 8192,
         {"total": 79.14, "share": 0.9, "asked": 71.22, "weights": 14.99, "other": 0.12, "activation": 1.19,
          "cache": 54.93}, 0.002),
    ],
)  # fmt: skip
def test_the_first_generation_profiles_whole_prompts_and_256_sequences(
    version: str, model: str, hardware: str, dtype: str, length: int, figures: dict[str, float], bound: float
) -> None:
    start = FIRST_GENERATION.format(version=version, model=model, dtype=dtype, length=length)
    rows = imported(f"{start}\n{PROFILE.format(**figures)}", hardware)
    assert abs(rows["KV cache"]["relative_error"] or 1.0) <= bound
    assert abs(rows["activations"]["relative_error"] or 1.0) <= 0.06


@pytest.mark.parametrize(
    ("length", "peak", "cache", "blocks", "starts"),  # vllm-project/vllm issue 10517, RTX 3090
    [(20_000, 17.06, 3.81, 1952, True), (29_000, 17.98, 2.89, 1478, False)],
)
def test_the_wording_of_0_6_4_and_the_length_at_which_it_fails(
    length: int, peak: float, cache: float, blocks: int, starts: bool
) -> None:
    start = FIRST_GENERATION.format(
        version="0.6.4", model="meta-llama/Llama-3.1-8B-Instruct", dtype="bfloat16", length=length
    )
    text = (
        f"{start}\nLoading model weights took 14.9888 GB\nMemory profiling results: total_gpu_memory=23.58GiB "
        f"initial_memory_usage=15.34GiB peak_torch_memory={peak}GiB memory_usage_post_profile=15.35GiB "
        f"non_torch_memory=0.35GiB kv_cache_size={cache}GiB gpu_memory_utilization=0.90\n"
        f"# GPU blocks: {blocks}, # CPU blocks: 2048"
    )
    log = parse_startup_log(text)
    assert log.activation_bytes == pytest.approx((peak - 14.9888) * 2**30)
    assert log.number("gpu_memory_utilization") == 0.9
    rows = imported(text, "RTX 3090")
    assert str(rows["predicted"]).startswith("starts" if starts else "infeasible")
    assert abs(rows["KV cache"]["relative_error"] or 1.0) <= 0.03


@pytest.mark.parametrize(
    ("model", "hardware", "tp", "share", "line", "bound"),
    [
        ("Qwen/Qwen3-235B-A22B-FP8", "H100", 4, 0.93,
         "KV Cache is allocated. #tokens: 367404, K size: 8.23 GB, V size: 8.23 GB", 0.01),
        ("deepseek-ai/DeepSeek-R1", "H200", 8, 0.82, "KV Cache is allocated. #tokens: 509000, KV size: 33.3 GB", 0.01),
        ("google/gemma-3-4b-it", "H200", 1, 0.836,
         "KV Cache is allocated. #tokens: 834615, K size: 54.12 GB, V size: 54.12 GB", 0.02),
    ],
)  # fmt: skip
def test_sglang_takes_its_share_of_what_context_and_communicators_leave(
    model: str, hardware: str, tp: int, share: float, line: str, bound: float
) -> None:
    """Sources: vllm-project/vllm issue 21348; ai-dynamo/aisimulate pull 263; sgl-project/sglang pull 4826."""
    arguments = (
        f"server_args=ServerArgs(model_path='{model}', context_length=None, mem_fraction_static={share}, tp_size={tp})"
    )
    rows = imported(f"{arguments}\n{line}", hardware)
    assert abs(rows["KV tokens"]["relative_error"] or 1.0) <= bound


def test_sglang_keeps_room_for_an_image_encoder_by_default() -> None:
    """Sgl-project/sglang pull 4826 again, its share left to the default: 834,615 tokens were logged."""
    arguments = "model_path='google/gemma-3-4b-it', context_length=None, mem_fraction_static=None, tp_size=1"
    line = "KV Cache is allocated. #tokens: 834615, K size: 54.12 GB, V size: 54.12 GB"
    rows = imported(f"server_args=ServerArgs({arguments})\n{line}", "H200")
    assert abs(rows["KV tokens"]["relative_error"] or 1.0) <= 0.015
