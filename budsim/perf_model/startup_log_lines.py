"""The wordings behind ``startup_log``: one pattern per line that states memory, a parameter or a failed start.

Group names of ``READINGS`` are the facts they fill; ``unit_<fact>`` holds the unit where the line states one. Sources:
the log calls of the engines, see ``startup_log``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNITS = {"GiB": 2.0**30, "GB": 2.0**30, "MiB": 2.0**20, "MB": 2.0**20, "KiB": 2.0**10, "KB": 2.0**10, "B": 1.0}
_N = r"-?\d[\d,]{0,20}(?:\.\d{1,12})?"
_U = r"(?:GiB|GB|MiB|MB|KiB|KB|B)\b"
_MAX_CAUSE_CHARACTERS = 400


def _size(fact: str) -> str:
    return rf"(?P<{fact}>{_N}) ?(?P<unit_{fact}>{_U})"


def scaled(text: str, unit: str | None) -> float:
    """Return a printed figure as a number, in bytes where it has a unit."""
    return float(text.replace(",", "")) * (_UNITS[unit] if unit else 1.0)


def figures_in(line: str) -> dict[str, float]:
    """Return the facts that a line states, bytes where they are sizes."""
    facts: dict[str, float] = {}
    for pattern in READINGS:
        if found := pattern.search(line):
            groups = found.groupdict()
            for name, text in groups.items():
                if name.endswith("_gib"):
                    facts[name.removesuffix("_gib") + "_bytes"] = scaled(text, "GiB")
                elif text is not None and not name.startswith("unit_"):
                    facts[name] = scaled(text, groups.get(f"unit_{name}"))
    return facts


ENGINE_MARKS = {
    "trtllm": re.compile(r"\[TensorRT-LLM\]|\[TRT-LLM\]"),
    "sglang": re.compile(r"server_args=ServerArgs\(|sglang\.launch_server|\bsglang is using|KV Cache is allocated\."),
    "vllm": re.compile(
        r"vLLM API server|\bvllm serve|Initializing an? (?:V[01] )?LLM engine|non-default args: \{|"
        r"█.{0,40}version \d|(?:(?:gpu|hpu|cpu)_)?worker\.py:\d|(?:hpu_|cpu_|gpu_)?model_runner\.py:\d|--backend vllm|"
        r"GPU KV cache size:|Available KV cache memory:|"
        r"No available memory for the cache blocks|KV cache is needed, which|"
        r"# (?:GPU|HPU|CPU|cuda|rocm|hpu|cpu|xpu|tpu) blocks:"
    ),
}
START_MARK = re.compile(r"█.{0,40}version \d|vLLM API server version|server_args=ServerArgs\(")
VERSIONS = (
    re.compile(r"Initializing an? (?:(?P<generation>V[01]) )?LLM engine \(v(?P<version>[\w.+]{1,60})\)"),
    re.compile(r"vLLM API server version (?P<version>\d[\w.+]{1,60})"),
    re.compile(r"█.{0,40}version (?P<version>\d[\w.+]{1,60})"),
    re.compile(r"\[TensorRT-LLM\] TensorRT-LLM version: (?P<version>\d[\w.]{1,60})"),
    re.compile(r"\bsglang(?: version|==)[ :]?\s?(?P<version>\d[\w.]{1,60})"),
)
# ROCm and CPU builds print CUDA's words too: their own marks win.
DEVICE_MARKS = {
    "rocm": re.compile(r"\brocm\.py:|ROCmFlashAttention|\bROCM_|platform rocm|# rocm blocks|AMD GPUs?\b"),
    "hpu": re.compile(r"hpu_(?:worker|model_runner|executor)\.py|# (?:HPU|hpu) blocks|platform hpu"),
    "cpu": re.compile(r"\bcpu_(?:worker|model_runner|executor)\.py|CPU_ATTN|platform cpu|device_config=cpu"),
    "cuda": re.compile(
        r"platforms?/cuda\.py|\bcuda\.py:\d|platform cuda|device_config=cuda|backend=nccl|device='cuda'"
    ),
}
FLAG_LINE = re.compile(
    r"non-default args: \{|args: Namespace\(|^Namespace\(|LLM engine \(v[^)]{1,60}\) with config:|"
    r"server_args=ServerArgs\(|\bvllm serve |sglang\.launch_server|benchmark_\w+\.py .*--model"
)
# Single lines that state one parameter.
FLAGS = {
    "max_model_len": re.compile(r"Using max model len (?P<value>\d+)"),
    "max_num_batched_tokens": re.compile(r"Chunked prefill is enabled with max_num_batched_tokens=(?P<value>\d+)"),
    "gpu_memory_utilization": re.compile(
        r"usable \(gpu_memory_utilization=(?P<value>[\d.]+)\)|x gpu_memory_utilization \((?P<second>[\d.]+)\) ="
        r"|kv_cache_size=\S{1,20} gpu_memory_utilization=(?P<third>[\d.]+)"
        r"|\bgpu_memory_utilization {2,}(?P<fourth>[\d.]+)"
    ),
    "graph_reserve": re.compile(r"reserved for HPUGraphs \(VLLM_GRAPH_RESERVED_MEM=(?P<value>[\d.]+)\)"),
    "context_length": re.compile(r"max_total_num_tokens=\d+.*\bcontext_len=(?P<value>\d+)"),
    "block_size": re.compile(r"Number of tokens per block: (?P<value>\d+)"),
}
_FLAG_NAMES = {
    "model": "model", "model_tag": "model_tag", "model_path": "model", "tensor_parallel_size": "tensor_parallel_size",
    "tp_size": "tensor_parallel_size", "tp": "tensor_parallel_size", "pipeline_parallel_size": "pipeline_parallel_size",
    "pp_size": "pipeline_parallel_size", "data_parallel_size": "data_parallel_size", "dp_size": "data_parallel_size",
    "ep_size": "expert_parallel_size", "enable_expert_parallel": "enable_expert_parallel",
    "enable_dp_attention": "enable_dp_attention", "max_model_len": "max_model_len", "max_seq_len": "max_model_len",
    "context_length": "context_length", "gpu_memory_utilization": "gpu_memory_utilization",
    "mem_fraction_static": "gpu_memory_utilization", "kv_cache_dtype": "kv_cache_dtype", "block_size": "block_size",
    "page_size": "page_size", "max_num_batched_tokens": "max_num_batched_tokens",
    "chunked_prefill_size": "max_num_batched_tokens", "max_num_seqs": "max_num_seqs",
    "max_running_requests": "max_num_seqs", "dtype": "dtype", "quantization": "quantization",
    "enforce_eager": "enforce_eager", "disable_cuda_graph": "enforce_eager",
}  # fmt: skip
_NOT_STATED = frozenset({"None", "none", "auto", "", "null"})
_PAIR = re.compile(
    r"(?:'(?P<key>[a-z_]{2,40})': |\b(?P<name>[a-z_]{2,40})=)"
    r"(?:'(?P<quoted>[^']{0,500})'|(?P<bare>[^\s,'\[{(})\]]{1,200}))"
)
_OPTION = re.compile(r"--(?P<name>[a-z][a-z-]{1,40})(?:[ =](?P<value>(?!--)[^\s]{1,500}))?")
_POSITIONAL = re.compile(r"\bvllm serve +(?P<value>[^\s-]\S{0,500})")


def flags_in(line: str) -> dict[str, str]:
    """Return the launch parameters of a line that lists them, by vLLM's names; unset ones are left out."""
    found: dict[str, str] = {}
    if re.search(r"\bvllm serve |sglang\.launch_server|\.py .*--model", line):
        if positional := _POSITIONAL.search(line):
            found["model"] = positional["value"]
        pairs = [(item["name"].replace("-", "_"), item["value"] or "True") for item in _OPTION.finditer(line)]
    else:
        pairs = [(item["key"] or item["name"], item["quoted"] or item["bare"] or "") for item in _PAIR.finditer(line)]
    for name, value in pairs:
        flag = _FLAG_NAMES.get(name)
        if flag and value not in _NOT_STATED and flag not in found:
            found[flag] = value.removeprefix("torch.")
    return found


READINGS = tuple(
    re.compile(text)
    for text in (
        # vLLM: weights
        rf"(?:Loading model weights took|Model loading took) (?!in total){_size('weight_bytes')}",
        rf"Loading model weights took in total {_size('weight_bytes')} of device memory "
        rf"\({_N} ?{_U}/{_size('total_bytes')} used\)",
        # vLLM: cache
        rf"GPU KV cache size: (?P<kv_cache_tokens>{_N}) tokens",
        rf"Maximum concurrency for {_N} tokens per request: (?P<max_concurrency>{_N})x",
        r"# (?:GPU|cuda|rocm|HPU|hpu|cpu|tpu|xpu|neuron) blocks: (?P<kv_cache_blocks>\d+)",
        r"(?<!, )# CPU blocks: (?P<kv_cache_blocks>\d+)",
        rf"Available KV cache memory: {_size('available_kv_bytes')}",
        rf"reserved {_size('available_kv_bytes')} memory for KV Cache as specified",
        # vLLM: profiling
        rf"total_gpu_memory \({_size('total_bytes')}\).*= {_size('requested_bytes')}",
        rf"model weights take {_size('weight_bytes')}; non_torch_memory takes {_size('non_torch_bytes')}; "
        rf"PyTorch activation peak memory takes {_size('activation_bytes')}; the rest of the memory reserved for KV "
        rf"Cache is {_size('available_kv_bytes')}",
        # 0.6.5: the same figures one to a line, in columns
        rf"\btotal_gpu_memory {{2,}}{_size('total_bytes')}",
        rf"current vLLM instance can use {{2,}}{_size('requested_bytes')}",
        rf"\bmodel weights take {{2,}}{_size('weight_bytes')}",
        rf"\bnon_torch_memory {{2,}}{_size('non_torch_bytes')}",
        rf"PyTorch activation peak memory {{2,}}{_size('activation_bytes')}",
        rf"\bavailable_kv_cache_memory {{2,}}{_size('available_kv_bytes')}",
        rf"total_gpu_memory={_size('total_bytes')} .*peak_torch_memory={_size('peak_torch_bytes')} .*"
        rf"non_torch_memory={_size('non_torch_bytes')} "
        rf"kv_cache_size={_size('available_kv_bytes')}",
        rf"torch peak memory increase: {_size('activation_bytes')}; non-torch forward increase memory: "
        rf"{_size('non_torch_bytes')}; weights memory: {_size('weight_bytes')}",
        rf"Actual usage is {_size('weight_bytes')} for weights?, {_size('activation_bytes')} for peak activation, "
        rf"{_size('non_torch_bytes')} for non-torch memory, and {_size('cuda_graph_bytes')} for",
        rf"Free memory on device (?:\S+ )?\((?P<free_gib>{_N})/{_size('total_bytes')}\) on startup",
        rf"\bfree_memory={_size('free_bytes')}, total_memory={_size('total_bytes')}",
        rf"worker requested memory: {_size('requested_bytes')}",
        rf"Graph capturing finished in \d+ secs, took {_size('cuda_graph_bytes')}",
        rf"CUDA graph pool memory: {_size('cuda_graph_bytes')} \(actual\)",
        # vLLM on CPU and HPU
        rf"Auto set \((?P<available_kv_gib>{_N})/(?P<total_gib>{_N})\) GiB "
        rf"for KV cache on node \d+, with {_size('requested_bytes')} requested memory for the "
        rf"worker. {_size('used_bytes')}",
        rf"Model profiling run took {_size('activation_bytes')} of device memory "
        rf"\({_N} ?{_U}/{_size('total_bytes')} used\)",
        rf"{_size('cuda_graph_bytes')} reserved for HPUGraphs [^,]{{0,60}}, "
        rf"{_size('available_kv_bytes')} reserved for KV",
        # SGLang
        rf"Load weight begin\. avail mem={_size('load_begin_bytes')}",
        rf"Load weight end\..*avail mem={_size('load_end_bytes')}",
        rf"Load weight end\..*mem usage={_size('weight_bytes')}",
        rf"(?<!Virtual)KV Cache is allocated\..*?#tokens: (?P<kv_cache_tokens>\d+), K size: {_size('k_bytes')}, "
        rf"V size: {_size('v_bytes')}",
        rf"(?<!Virtual)KV Cache is allocated\..*?#tokens: (?P<kv_cache_tokens>\d+), KV size: "
        rf"{_size('available_kv_bytes')}",
        r"\bmax_total_num_tokens=(?P<kv_cache_tokens>\d+)",
        rf"Capture cuda graph end\..*mem usage={_size('cuda_graph_bytes')}",
        # TensorRT-LLM
        rf"Loaded engine size: {_size('weight_bytes')}",
        rf"Allocated {_size('activation_bytes')} for execution context memory",
        rf"paged kv cache: total: {_size('total_bytes')}, available: {_size('free_after_load_bytes')}",
        rf"Allocated {_size('available_kv_bytes')} for max tokens in paged KV cache \((?P<kv_cache_tokens>\d+)\)",
        r"Using (?P<kv_cache_tokens>\d+) tokens in paged KV cache",
        r"Number of blocks in KV cache primary pool: (?P<kv_cache_blocks>\d+)",
    )
)
SUCCESS = re.compile(
    r"Application startup complete\.|Starting vLLM server on http|The server is fired up and ready to roll|"
    r"Throughput: [\d.]+ requests/s|init_cache_engine took .* of device memory"
)


@dataclass(frozen=True, slots=True)
class StartupFailure:
    """Why an engine did not start.

    Attributes:
        code: ``no_kv_memory``, ``kv_capacity``, ``device_busy``, ``device_memory``, ``max_model_len``, ``host_memory``,
            ``architecture``, ``parallelism``, ``access``, ``dtype`` or ``engine``.
        cause: What that means, and what helps.
        line: The engine's own words, shortened.
        rank: Lower is nearer to the root.
    """

    code: str
    cause: str
    line: str
    rank: int


_FAILURES = (
    ("max_model_len", r"max_model_len \(\d+\) is greater than the derived",
     "the length asked for is above the model's own limit: lower max_model_len"),
    ("kv_capacity", r"larger than the maximum number of tokens that can be stored in KV cache|"
     r"KV cache is needed, which is larger than the available KV cache memory",
     "one sequence of max_model_len does not fit into the KV cache: lower it, or use more or larger devices"),
    ("no_kv_memory", r"No available memory for the cache blocks|"
     r"Not enough memory\. Please try to increase --mem-fraction",
     "weights and working memory leave nothing for the KV cache: a higher share of the device, more devices or "
     "narrower weights"),
    ("device_busy", r"on startup is less than desired (?:GPU|CPU) memory utilization|"
     r"on kv cache allocation is less than requested memory for kv",
     "something else holds the memory that was asked for: free it, or lower the share"),
    ("device_memory", r"(?:CUDA|HIP|XPU) out of memory|OutOfMemoryError|OUT_OF_MEMORY|CUDA error: out of memory",
     "an allocation failed on the device: lower the share, max_num_seqs or max_num_batched_tokens"),
    ("host_memory", r"OOM-?killed|exit(?:ed with)?(?: code)? 137|oom-kill|signal 9|SIGKILL",
     "the host's memory ran out, not the device's: raise the container's memory limit"),
    ("architecture", r"Model architectures? \[.{0,200}\] (?:are|is) not supported|does not recognize this architecture|"
     r"Unsupported architecture",
     "this engine version does not know the model's architecture: a newer version or another engine"),
    ("parallelism", r"must be divisible by (?:the )?tensor[ _]parallel|not divisible by tp|is not divisible by "
     r"(?:the )?tensor|must be divisible by tp_size",
     "the heads cannot be split over this tensor parallel size: choose a divisor"),
    ("dtype", r"only supported on GPUs with compute capability|Minimum capability: \d+\. Current capability",
     "the device does not have this number format: choose another dtype or quantisation"),
    ("access", r"GatedRepoError|gated repo|RepositoryNotFoundError|not a valid model identifier|401 Client Error",
     "the weights could not be fetched: accept the model's terms and set HF_TOKEN, or correct the name"),
    ("engine", r"Engine core initialization failed|Engine process failed to start|Scheduler hit an exception|"
     r"Scheduler or detokenizer might have crashed",
     "the engine gave up; its log does not name a cause that is known"),
)  # fmt: skip
_FAILURE_PATTERNS = tuple((code, re.compile(text), cause) for code, text, cause in _FAILURES)
# Of two causes in one log the more specific one is the root; a kill and the engine's last line come after it.
_LAST = ("host_memory", "engine")


def failure_in(line: str) -> StartupFailure | None:
    """Return the failed start that a line states, or None."""
    for rank, (code, pattern, cause) in enumerate(_FAILURE_PATTERNS):
        if found := pattern.search(line):
            start = max(0, found.start() - 100)
            place = rank + len(_FAILURE_PATTERNS) * (code in _LAST)
            return StartupFailure(code, cause, line[start : start + _MAX_CAUSE_CHARACTERS].strip(), place)
    return None
