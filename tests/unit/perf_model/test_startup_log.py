"""What start-up logs say is read whatever stands in front of it; figures are per rank, tokens per replica."""

from __future__ import annotations

import pytest

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model import startup_log
from budsim.perf_model.startup_log import StartupLog, parse_startup_log

GIB = 2**30

V1 = """
(APIServer pid=7) INFO 01-02 03:04:05 [api_utils.py:1]  ▄▄ ▄█ █     █     █ ▀▄▀ █  version 0.24.1
(APIServer pid=7) INFO 01-02 03:04:05 [api_utils.py:1] non-default args: {'model_tag': 'acme/Dense-7B', \
'tensor_parallel_size': 2, 'gpu_memory_utilization': 0.85, 'max_num_seqs': 64, 'kv_cache_dtype': 'fp8'}
(EngineCore pid=8) INFO 01-02 03:04:06 [core.py:1] Initializing a V1 LLM engine (v0.24.1) with config: \
model='acme/Dense-7B', dtype=torch.bfloat16, max_seq_len=4096, tensor_parallel_size=2, quantization=None, seed=0
(Worker_TP0 pid=9) INFO 01-02 03:04:07 [gpu_model_runner.py:1] Model loading took 6.50 GiB memory and 3.1 seconds
(Worker_TP1 pid=10) INFO 01-02 03:04:07 [gpu_model_runner.py:1] Model loading took 6.60 GiB memory and 3.2 seconds
(Worker_TP0 pid=9) INFO 01-02 03:04:08 [gpu_worker.py:1] Available KV cache memory: 11.30 GiB
(Worker_TP1 pid=10) INFO 01-02 03:04:08 [gpu_worker.py:1] Available KV cache memory: 11.20 GiB
(EngineCore pid=8) INFO 01-02 03:04:09 [kv_cache_utils.py:1] GPU KV cache size: 183,500 tokens
(EngineCore pid=8) INFO 01-02 03:04:09 [kv_cache_utils.py:1] Maximum concurrency for 4,096 tokens per request: 44.80x
(Worker_TP0 pid=9) INFO 01-02 03:04:12 [gpu_model_runner.py:1] Graph capturing finished in 3 secs, took 0.71 GiB
(APIServer pid=7) INFO:     Application startup complete.
"""
V0 = """
INFO 01-02 03:04:05 api_server.py:1] vLLM API server version 0.8.2
INFO 01-02 03:04:05 api_server.py:1] args: Namespace(host=None, model='acme/Dense-8B', max_model_len=8192, \
tensor_parallel_size=1, gpu_memory_utilization=0.9, max_num_seqs=None, enforce_eager=False)
INFO 01-02 03:04:06 llm_engine.py:1] Initializing a V0 LLM engine (v0.8.2) with config: model='acme/Dense-8B', \
max_seq_len=8192, tensor_parallel_size=1, device_config=cuda
INFO 01-02 03:04:07 model_runner.py:1] Model loading took 14.9595 GB and 5.25 seconds
INFO 01-02 03:04:09 worker.py:1] the current vLLM instance can use total_gpu_memory (23.55GiB) x \
gpu_memory_utilization (0.90) = 21.19GiB
INFO 01-02 03:04:09 worker.py:1] model weights take 14.96GiB; non_torch_memory takes 0.06GiB; PyTorch activation peak \
memory takes 1.23GiB; the rest of the memory reserved for KV Cache is 4.95GiB.
INFO 01-02 03:04:09 executor_base.py:1] # cuda blocks: 2535, # CPU blocks: 2048
INFO 01-02 03:04:09 executor_base.py:1] Maximum concurrency for 8192 tokens per request: 4.95x
"""
SGLANG = """
[2026-01-02 03:04:05] server_args=ServerArgs(model_path='acme/Dense-32B', context_length=None, \
mem_fraction_static=0.85, max_running_requests=None, chunked_prefill_size=2048, tp_size=2, device='cuda', dp_size=1)
[2026-01-02 03:04:06 TP0] Load weight begin. avail mem=46.90 GB
[2026-01-02 03:04:06 TP1] Load weight begin. avail mem=46.90 GB
[2026-01-02 03:04:09 TP0] Load weight end. type=Qwen2ForCausalLM, dtype=torch.bfloat16, avail mem=16.40 GB
[2026-01-02 03:04:09 TP1] Load weight end. type=Qwen2ForCausalLM, dtype=torch.bfloat16, avail mem=16.40 GB
[2026-01-02 03:04:09 TP0] KV Cache is allocated. #tokens: 70000, K size: 4.50 GB, V size: 4.25 GB
[2026-01-02 03:04:09 TP1] KV Cache is allocated. #tokens: 70000, K size: 4.50 GB, V size: 4.25 GB
[2026-01-02 03:04:12 TP0] max_total_num_tokens=70000, chunked_prefill_size=2048, max_prefill_tokens=16384, \
max_running_requests=2049, context_len=32768
[2026-01-02 03:04:13] The server is fired up and ready to roll!
"""
CPU = """
(Worker pid=3) INFO 01-02 03:04:05 [cpu_model_runner.py:1] Starting to load model acme/Small-1B...
(Worker pid=3) INFO 01-02 03:04:09 [cpu_worker.py:1] Auto set (6.50/62.0) GiB for KV cache on node 0, with 12.4 GiB \
requested memory for the worker. 5.9 GiB memory was consumed by non-kv usages.
(EngineCore pid=2) INFO 01-02 03:04:09 [kv_cache_utils.py:1] GPU KV cache size: 212,992 tokens
"""
HPU = """
INFO 01-02 03:04:05 hpu_model_runner.py:1] Loading model weights took in total 15.5 GiB of device memory \
(15.5 GiB/94.62 GiB used) and 2.1 GiB of host memory (400.2 GiB/1007 GiB used)
INFO 01-02 03:04:06 hpu_worker.py:1] Model profiling run took 612 MiB of device memory (16.1 GiB/94.62 GiB used) and \
-1.2 MiB of host memory (400.2 GiB/1007 GiB used)
INFO 01-02 03:04:06 hpu_worker.py:1] Free device memory: 78.52 GiB, 70.67 GiB usable (gpu_memory_utilization=0.9), \
7.067 GiB reserved for HPUGraphs (VLLM_GRAPH_RESERVED_MEM=0.1), 63.6 GiB reserved for KV cache
INFO 01-02 03:04:06 hpu_executor.py:1] # HPU blocks: 4071, # CPU blocks: 0
"""


def test_a_v1_log_gives_the_fullest_rank_and_never_multiplies_by_tp() -> None:
    log = parse_startup_log(V1)
    assert (log.engine, log.engine_version, log.generation) == ("vllm", "0.24.1", "V1")
    assert log.model == "acme/Dense-7B"
    assert (log.integer("tensor_parallel_size"), log.integer("max_num_seqs")) == (2, 64)
    assert (log.integer("max_model_len"), log.number("gpu_memory_utilization")) == (4096, 0.85)
    assert log.flags["kv_cache_dtype"] == "fp8"
    assert log.weight_bytes == pytest.approx(6.60 * GIB)
    assert log.available_kv_bytes == pytest.approx(11.20 * GIB)
    assert (log.kv_cache_tokens, log.max_concurrency) == (183_500, 44.80)
    assert log.started
    assert log.failure is None


def test_a_v0_log_says_gb_and_means_gib_and_counts_blocks() -> None:
    log = parse_startup_log(V0)
    assert (log.engine_version, log.generation, log.device_type) == ("0.8.2", "V0", "cuda")
    assert log.weight_bytes == pytest.approx(14.96 * GIB)
    assert log.total_bytes == pytest.approx(23.55 * GIB)
    assert log.requested_bytes == pytest.approx(21.19 * GIB)
    assert log.non_torch_bytes == pytest.approx(0.06 * GIB)
    assert log.kv_cache_tokens == 2535 * 16
    assert "max_num_seqs" not in log.flags


def test_an_sglang_log_gives_weights_as_what_loading_took() -> None:
    log = parse_startup_log(SGLANG)
    assert log.engine == "sglang"
    assert log.weight_bytes == pytest.approx((46.90 - 16.40) * GIB)
    assert log.available_kv_bytes == pytest.approx(8.75 * GIB)
    assert log.kv_cache_tokens == 70_000
    assert log.number("gpu_memory_utilization") == 0.85
    assert log.integer("context_length") == 32768
    assert log.started


def test_a_cpu_log_says_gpu_and_is_not_one() -> None:
    log = parse_startup_log(CPU)
    assert log.device_type == "cpu"
    assert log.available_kv_bytes == pytest.approx(6.5 * GIB)
    assert log.total_bytes == pytest.approx(62.0 * GIB)
    assert log.used_bytes == pytest.approx(5.9 * GIB)


def test_a_gaudi_log_changes_units_by_line_and_has_blocks_of_128() -> None:
    log = parse_startup_log(HPU)
    assert log.device_type == "hpu"
    assert log.weight_bytes == pytest.approx(15.5 * GIB)
    assert log.activation_bytes == pytest.approx(612 * 2**20)
    assert log.kv_cache_tokens == 4071 * 128
    assert log.number("graph_reserve") == 0.1


def test_a_tensorrt_log_gives_the_final_cache_not_the_trial() -> None:
    log = parse_startup_log(
        "[TensorRT-LLM][INFO] Loaded engine size: 7000 MiB\n"
        "[TensorRT-LLM][INFO] [MemUsageChange] Allocated 1.50 GiB for max tokens in paged KV cache (8192).\n"
        "[TensorRT-LLM][INFO] [MemUsageChange] Allocated 60.00 GiB for max tokens in paged KV cache (245760).\n"
    )
    assert (log.engine, log.kv_cache_tokens) == ("trtllm", 245_760)
    assert log.available_kv_bytes == pytest.approx(60 * GIB)


def test_data_parallel_engines_are_summed_and_their_workers_are_not() -> None:
    lines = [
        f"(EngineCore_DP{rank} pid={rank}) INFO [kv_cache_utils.py:1] GPU KV cache size: {tokens} tokens"
        for rank, tokens in ((0, "100,000"), (0, "100,000"), (1, "90,000"))
    ]
    assert parse_startup_log("\n".join(lines)).kv_cache_tokens == 190_000


def test_repeated_sizes_of_workers_take_the_smallest() -> None:
    text = "INFO GPU KV cache size: 50,000 tokens\nINFO GPU KV cache size: 48,000 tokens\n"
    assert parse_startup_log(text).kv_cache_tokens == 48_000


def test_both_figures_on_one_line_are_read() -> None:
    text = "INFO GPU KV cache size: 72,992 tokens, Maximum concurrency for 4,096 tokens per request: 17.82x"
    log = parse_startup_log(text)
    assert (log.kv_cache_tokens, log.max_concurrency) == (72_992, 17.82)


def test_the_last_of_several_starts_counts() -> None:
    again = V1.replace("183,500", "90,000").replace("0.24.1", "0.25.0")
    log = parse_startup_log(V1 + again)
    assert (log.kv_cache_tokens, log.engine_version) == (90_000, "0.25.0")


@pytest.mark.parametrize(
    "prefix", ["", "2026-05-01 23:11:07.242 | ", "vllm-1  | ", "\x1b[36m(EngineCore pid=9)\x1b[0m "]
)
def test_prefixes_and_colours_change_nothing(prefix: str) -> None:
    text = "\n".join(prefix + line for line in V1.splitlines())
    log = parse_startup_log(text)
    assert log.kv_cache_tokens == 183_500
    assert log.number("gpu_memory_utilization") == 0.85


def test_figures_in_columns_are_read() -> None:
    text = (
        "INFO 01-02 worker.py:243] total_gpu_memory     79.22GiB\n"
        "INFO 01-02 worker.py:243] model weights take   7.48GiB\n"
        "INFO 01-02 worker.py:243] non_torch_memory     3.58GiB\n"
        "INFO 01-02 worker.py:243] PyTorch activation peak memory       1.26GiB\n"
        "INFO 01-02 worker.py:243] available_kv_cache_memory    58.97GiB\n"
    )
    log = parse_startup_log(text)
    assert (log.total_bytes, log.non_torch_bytes) == pytest.approx((79.22 * GIB, 3.58 * GIB))
    assert (log.weight_bytes, log.activation_bytes) == pytest.approx((7.48 * GIB, 1.26 * GIB))
    assert log.available_kv_bytes == pytest.approx(58.97 * GIB)


def test_the_last_words_of_a_crash_are_enough() -> None:
    text = (
        "Available KV cache memory: 0.59 GiB\n"
        "ValueError: (1.1 GiB KV cache is needed, which is larger than the available KV cache memory (0.59 GiB)"
    )
    log = parse_startup_log(text)
    assert log.failure is not None
    assert (log.engine, log.failure.code) == ("vllm", "kv_capacity")


def test_a_negative_cache_is_a_figure() -> None:
    log = parse_startup_log("(Worker pid=1) INFO [gpu_worker.py:1] Available KV cache memory: -2.14 GiB")
    assert log.available_kv_bytes == pytest.approx(-2.14 * GIB)


def test_times_and_checkpoint_sizes_are_not_weights() -> None:
    text = (
        "INFO [gpu_worker.py:1] Loading weights took 11.11 seconds\n"
        "INFO [weight_utils.py:1] Checkpoint size: 2.88 GiB. Available RAM: 5.66 GiB.\n"
        "INFO [gpu_worker.py:1] Available KV cache memory: 1.00 GiB\n"
    )
    assert parse_startup_log(text).weight_bytes is None


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ValueError: No available memory for the cache blocks. Try increasing it", "no_kv_memory"),
        ("ValueError: The model's max seq len (8192) is larger than the maximum number of tokens that can be stored in "
         "KV cache (4096).", "kv_capacity"),
        ("To serve at least one request with the models's max seq len (40960), (4.38 GiB KV cache is needed, which is "
         "larger than the available KV cache memory (4.00 GiB).", "kv_capacity"),
        ("ValueError: Free memory on device cuda:1 (6.44/11.63 GiB) on startup is less than desired GPU memory "
         "utilization (0.9, 10.47 GiB).", "device_busy"),
        ("Available memory on node 0 (4.85/18.0 GiB) on startup is less than desired CPU memory utilization",
         "device_busy"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.", "device_memory"),
        ("Value error, User-specified max_model_len (8192) is greater than the derived max_model_len (2048)",
         "max_model_len"),
        ("RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.", "no_kv_memory"),
        ("Total number of attention heads (40) must be divisible by tensor parallel size (3).", "parallelism"),
        ("Model architectures ['NewForCausalLM'] are not supported for now.", "architecture"),
        ("container was OOM-killed (exit 137)", "host_memory"),
    ],
)  # fmt: skip
def test_a_failed_start_is_named_by_its_cause_not_by_the_last_line(line: str, code: str) -> None:
    head = V1.split("(Worker_TP0")[0]
    end = "RuntimeError: Engine core initialization failed. See root cause above."
    log = parse_startup_log(f"{head}\n{line}\n{end}")
    assert log.failure is not None
    assert log.failure.code == code
    assert not log.started


def test_an_error_after_the_start_is_no_failed_start() -> None:
    log = parse_startup_log(V1 + "torch.OutOfMemoryError: CUDA out of memory.\n")
    assert log.started
    assert log.failure is None


@pytest.mark.parametrize("text", ["", "hello\nworld", "nginx: started\n" * 100, "\x00\xff" * 50])
def test_what_is_no_engine_log_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequestError, match="no start-up line"):
        parse_startup_log(text)


def test_a_log_above_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup_log, "MAX_LOG_CHARACTERS", 100)
    with pytest.raises(InvalidRequestError, match="limit"):
        parse_startup_log(V1)


def test_a_line_of_a_million_characters_is_read_in_bounded_time() -> None:
    hostile = "non-default args: {" + "'a': {" * 100_000 + "\n" + "(" * 200_000 + "\n" + "9," * 200_000 + "GiB\n"
    log: StartupLog = parse_startup_log(V1 + hostile)
    assert log.kv_cache_tokens == 183_500
