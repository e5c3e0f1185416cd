"""A model by its id, with the memory it takes: the recommender's view of the library and the memory rules."""

from __future__ import annotations

from budsim.commons.errors import InvalidRequestError
from budsim.model_ops.calculator import kv_bytes_of_sequence, state_bytes_of_sequence
from budsim.model_ops.services import ModelLibrary, default_library
from budsim.perf_model.model_architecture import ModelArchitecture as Architecture
from budsim.perf_model.parallelism import ParallelPlan, check_plan
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.rank_weights import stage_weight_bytes
from budsim.recommender.gpu_library import GPU_LIBRARY

_TP_SIZES = (1, 2, 4, 8, 16, 32, 64)
_GB = 1e9


class ModelArchitecture:
    """A model's shape and its memory, GB = 1e9 bytes.

    Args:
        model_id: Hub id, alias, or a folder with a config.json.
        hf_token: Access token for a gated model; None = ``HF_TOKEN``.

    Raises:
        UnknownModelError: Nothing is called that.
        UnsupportedModelError: Its config lacks what is needed.
    """

    def __init__(self, model_id: str, hf_token: str | None = None) -> None:
        library = default_library() if hf_token is None else ModelLibrary(hub_token=hf_token, allow_local_paths=True)
        self.model_id = model_id
        self.architecture: Architecture = library.resolve(model_id)

    def __repr__(self) -> str:
        return f"ModelArchitecture({self.model_id!r}, parameters={self.parameters / 1e9:.2f}e9)"

    @property
    def model_name(self) -> str:
        """The id it was asked by."""
        return self.model_id

    @property
    def parameters(self) -> int:
        """Parameters of the whole model."""
        return self.architecture.params_total

    @property
    def active_parameters(self) -> int:
        """Parameters that one token passes through; fewer than ``parameters`` with experts."""
        return self.architecture.params_active

    @property
    def is_moe(self) -> bool:
        """Whether it has experts."""
        return self.architecture.is_moe

    def model_memory_gb(self, precision: str | None = None, tensor_parallel_size: int = 1) -> float:
        """Return the weights of one device.

        Args:
            precision: Format of the weights (``fp16``, ``fp8``, ``awq`` …); None = the checkpoint's own.
            tensor_parallel_size: TP ranks.
        """
        formats = resolve_precision(precision, self.architecture, None)
        return max(stage_weight_bytes(self.architecture, formats, ParallelPlan(tensor_parallel_size))) / _GB

    def kv_cache_memory_gb(self, context_length: int, batch_size: int = 1, kv_cache_dtype: str | None = None) -> float:
        """Return the cache of a batch of sequences, all devices together.

        Args:
            context_length: Tokens of one sequence.
            batch_size: Sequences.
            kv_cache_dtype: Format of the cache; None = 16 bit.

        Raises:
            InvalidRequestError: A length or a number of sequences below 1.
        """
        for name, value in (("context_length", context_length), ("batch_size", batch_size)):
            if value < 1:
                raise InvalidRequestError(f"{name} must be at least 1, not {value}", {"field": name})
        sequence = kv_bytes_of_sequence(self.architecture, context_length, 1, kv_cache_dtype or "bf16")
        return batch_size * (sequence + state_bytes_of_sequence(self.architecture)) / _GB

    def total_memory_gb(self, context_length: int, batch_size: int = 1, precision: str | None = None) -> float:
        """Return weights and cache together; what an engine needs on top is in the recommendations."""
        return self.model_memory_gb(precision) + self.kv_cache_memory_gb(context_length, batch_size)

    def max_context_length(self) -> int | None:
        """Return the longest sequence that the model was made for, tokens; None when its config does not say."""
        return self.architecture.max_position_embeddings or None

    def possible_tensor_parallel_sizes(self) -> list[int]:
        """Return the TP sizes, powers of two up to 64, into which heads, widths and vocabulary divide."""
        device = GPU_LIBRARY["H100"].device  # TP rules do not depend on the device
        return [size for size in _TP_SIZES if check_plan(self.architecture, ParallelPlan(size), device) is None]
