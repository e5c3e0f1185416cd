"""Columns of a table of configurations: what a row of the batch interface may say."""

INPUT_COLUMNS = (
    "model", "hardware", "num_devices", "engine", "engine_version", "precision", "kv_cache_dtype", "tp", "pp", "ep",
    "dp",
    "load_mode", "concurrency", "request_rate", "num_prompts", "isl", "osl", "max_num_seqs",
    "max_num_batched_tokens", "max_model_len", "gpu_memory_utilization", "enable_prefix_caching",
    "prefix_cache_hit_rate", "enable_chunked_prefill",
    "stream_interval", "dp_attention", "speculative_tokens", "speculative_method", "acceptance_rate", "num_warmups",
    "length_dist",
)  # fmt: skip
# Of a disaggregated deployment, see ``pools_reader``.
POOL_COLUMNS = (
    "prefill_instances", "prefill_tp", "prefill_pp", "prefill_hardware", "decode_instances", "decode_tp",
)  # fmt: skip
