"""Speculative decoding: how many steps an answer takes, and the shape of the model that drafts.

A step drafts k tokens for every sequence, the target verifies them beside the sequence's last one. Each draft token is
accepted with probability a, given that those before it were: a step yields 1 to k + 1 tokens,
(1 - a^(k + 1)) / (1 - a) on average. The share of draft tokens that are accepted, which engines log as acceptance
rate, is lower: (tokens per step - 1) / k.

Sources:
    tokens per step   Leviathan et al. 2023, arXiv:2211.17192, equation 1.
    steps             Renewal theory (Feller, volume 1, chapter XIII): mean n / m + (E[X^2] - m) / (2 m^2), variance
                      n var(X) / m^3 for n tokens at m a step.
    MTP layer         DeepSeek-V3, arXiv:2412.19437 section 2.2: a projection of embedding and hidden state, then one
                      layer; embedding and head are the target's.
    EAGLE-3 head      arXiv:2503.01840: one dense layer in 16 bit; published heads draft from 32,000 words.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.model_architecture import ATTENTION_KINDS, LayerKind, MlpKind, ModelArchitecture
from budsim.perf_model.parameters import layer_parameters
from budsim.perf_model.precision import Precision, resolve_precision
from budsim.perf_model.serving_point import ServingPoint
from budsim.perf_model.workload import Workload

# Beyond it engines gain nothing: (1 - a^17) / (1 - a) is within 1 % of its limit up to a = 0.75.
MAX_DRAFT_TOKENS = 16
# Words of published EAGLE-3 heads (yuhuili/EAGLE3-LLaMA3.1-Instruct-8B and RedHatAI's speculators, draft_vocab_size).
_EAGLE_VOCABULARY = 32_000
# Width of an EAGLE head's MLP where the target has no dense layer: nvidia/gpt-oss-120b-Eagle3, 17,280 of 2,880.
_EAGLE_MLP_WIDTHS = 6


# Half width of the 80 % interval that drafting adds, natural-log units: of 102 runs of DeepSeek-R1 with a default
# acceptance (docs/accuracy.md).
DRAFTING_WIDTH = 0.25


class DraftMethod(StrEnum):
    """Where draft tokens come from."""

    MTP = "mtp"  # the model's own multi-token-prediction layers
    EAGLE = "eagle"  # a head of one layer that reads the target's hidden states
    NGRAM = "ngram"  # copied from the prompt: free on the device


# Acceptance per token where the caller states none; what text and sampling do to it is wider than the methods differ.
#   mtp    0.70 fitted to 64 pairs of plain and drafting runs of DeepSeek-R1 (docs/accuracy.md); 3.1 to 3.2 tokens a
#          step at k = 7 of DeepSeek-V3's own layer, 0.69 to 0.71 (model card of nebius/MTP-DeepSeek-V3-0324).
#   eagle  2.5 to 3.2 tokens a step at k = 7, means of MT-bench, HumanEval and GSM8K, temperature 1: 0.6 to 0.71 (model
#          cards of nebius/EAGLE3-gpt-oss-120b and nebius/EAGLE3-Llama-3.3-70B-Instruct, public heads).
#   ngram  1.55 to 1.74 tokens a step at k = 10 (Spec-Bench leaderboard, PLD, Vicuna 7B to 33B, A100): 0.36 to 0.42.
DEFAULT_ACCEPTANCE = {DraftMethod.MTP: 0.7, DraftMethod.EAGLE: 0.65, DraftMethod.NGRAM: 0.4}


# Host work of one step per sequence whose drafts are verified. Fitted with an acceptance shared by both engines to 12
# pairs of plain and drafting runs (SGLang 0.5.9, DeepSeek-R1 on B200; docs/accuracy.md): its first speculative worker
# does not overlap with the device. TensorRT-LLM's own came out as 0; nothing was measured of the others.
_VERIFY_S = {"sglang": 2.1e-4}


def verify_overhead_s(settings: EngineSettings) -> float:
    """Return host seconds per sequence of a step that verifying drafts adds."""
    return _VERIFY_S.get(settings.engine, 0.0) if settings.speculative_tokens else 0.0


def draft_method(name: str | None, arch: ModelArchitecture) -> DraftMethod:
    """Return the method of a name; blank = the model's own MTP layers where it has them, else an EAGLE head.

    Raises:
        InvalidRequestError: The name is not known, or the model has no MTP layers.
    """
    if not name:
        return DraftMethod.MTP if arch.mtp_layers else DraftMethod.EAGLE
    key = name.strip().lower().replace("-", "").replace("_", "").rstrip("0123456789")
    known = {"mtp": "mtp", "nextn": "mtp", "deepseekmtp": "mtp", "eagle": "eagle", "ngram": "ngram", "pld": "ngram"}
    if key not in known:
        words = ", ".join(DraftMethod)
        raise InvalidRequestError(
            f"speculative_method '{name[:40]}': use one of {words}", {"field": "speculative_method"}
        )
    method = DraftMethod(known[key])
    if method is DraftMethod.MTP and not arch.mtp_layers:
        raise InvalidRequestError(
            f"speculative_method mtp: {arch.name} states no multi-token-prediction layers; use eagle or ngram",
            {"field": "speculative_method"},
        )
    return method


def check_draft_tokens(count: int) -> int:
    """Return ``count``.

    Raises:
        InvalidRequestError: Below 0 or above ``MAX_DRAFT_TOKENS``.
    """
    if not 0 <= count <= MAX_DRAFT_TOKENS:
        raise InvalidRequestError(
            f"speculative_tokens = {count}: must be 0 (off) to {MAX_DRAFT_TOKENS}", {"field": "speculative_tokens"}
        )
    return count


def draft_passes(method: str, draft_tokens: int) -> int:
    """Return how often the draft model runs per step."""
    return 0 if method == DraftMethod.NGRAM else draft_tokens


def acceptance(settings: EngineSettings, load: Workload) -> float:
    """Return the probability that a draft token is accepted: the load's own, else the default of the method."""
    if not settings.speculative_tokens:
        return 0.0
    stated = load.acceptance_rate
    return DEFAULT_ACCEPTANCE[DraftMethod(settings.speculative_method)] if stated is None else stated


def without_speculation(point: ServingPoint) -> ServingPoint:
    """Return the same point where nothing is drafted."""
    return replace(
        point,
        settings=replace(point.settings, speculative_tokens=0, speculative_method=""),
        workload=replace(point.workload, acceptance_rate=None),
    )


def tokens_per_step(draft_tokens: int, acceptance: float) -> float:
    """Return the mean tokens of one step: (1 - a^(k + 1)) / (1 - a), from 1 to k + 1."""
    return sum(acceptance**i for i in range(draft_tokens + 1))


def _moments(draft_tokens: int, acceptance: float) -> tuple[float, float]:
    """Return mean and mean square of the tokens of one step: P(X > i) = a^i for i <= k."""
    square = sum((2 * i + 1) * acceptance**i for i in range(draft_tokens + 1))
    return tokens_per_step(draft_tokens, acceptance), square


def expected_decode_steps(tokens: float, draft_tokens: int, acceptance: float) -> float:
    """Return the mean number of steps until ``tokens`` tokens are out; ``tokens`` itself without speculation.

    Args:
        tokens: Output tokens after the first one, >= 0.
        draft_tokens: k >= 0.
        acceptance: a in [0, 1].
    """
    if draft_tokens == 0 or tokens <= 1:
        return tokens
    mean, square = _moments(draft_tokens, acceptance)
    steps = tokens / mean + (square - mean) / (2 * mean * mean)
    return min(tokens, max(steps, 1.0, tokens / (draft_tokens + 1)))


def decode_steps(
    tokens: NDArray[np.int64], draft_tokens: int, acceptance: float, normals: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the decode steps of single requests, shape (n,): normal about the mean, as sums of many steps are.

    Args:
        tokens: Output tokens after the first one of each request, shape (n,).
        draft_tokens: k >= 0.
        acceptance: a in [0, 1].
        normals: Standard normal draws, shape (n,): the same for every k and a, so that points differ by what they are.
    """
    if draft_tokens == 0:
        return tokens
    mean, square = _moments(draft_tokens, acceptance)
    middle = tokens / mean + (square - mean) / (2 * mean * mean)
    drawn = middle + normals * np.sqrt(tokens * max(0.0, square - mean * mean) / mean**3)
    low = np.ceil(tokens / (draft_tokens + 1))
    steps: NDArray[np.int64] = np.minimum(tokens, np.maximum(low, np.rint(drawn))).astype(np.int64)
    return steps


@lru_cache(maxsize=256)
def draft_architecture(arch: ModelArchitecture, method: DraftMethod) -> ModelArchitecture:
    """Return the model that one drafting pass runs.

    MTP: the target's last attention layer with its feed-forward block; EAGLE: one dense layer of the target's width in
    16 bit. Its input projection, 2 x hidden to hidden, counts with the attention matrices.

    Args:
        arch: The target.
        method: ``mtp`` or ``eagle``.
    """
    kind = next((kind for kind in reversed(arch.layer_kinds) if kind in ATTENTION_KINDS), LayerKind.FULL)
    experts = method is DraftMethod.MTP and arch.is_moe and arch.moe_layers > 0
    draft = replace(
        arch,
        name=f"{arch.name} ({method} draft)",
        num_layers=1,
        layer_kinds=(kind,),
        mlp_kinds=(MlpKind.MOE if experts else MlpKind.DENSE,),
        moe_layers=1 if experts else 0,
        intermediate_size=arch.intermediate_size if _has_dense_mlp(arch) else _EAGLE_MLP_WIDTHS * arch.hidden_size,
        layer_overrides=(),
        attention_params_by_layer=(),
        kv_token_ratios=(),
        kv_shared_layers=0,
        cross_attention_layers=0,
        parallel_linear=False,
        extra_embedding_params=0,
        params_vision=0,
        params_other=0,
        mtp_layers=0,
        rope_elements=0,
    )
    if method is DraftMethod.EAGLE:
        draft = replace(
            draft,
            num_experts=0,
            experts_per_token=0,
            vocab_size=min(arch.vocab_size, _EAGLE_VOCABULARY),
            tie_word_embeddings=False,
            quantization=None,
            quantization_exempt=(),
        )
    matrices = layer_parameters(draft)[0].attention + 2 * arch.hidden_size**2
    return replace(draft, attention_params_by_layer=(matrices,))


def _has_dense_mlp(arch: ModelArchitecture) -> bool:
    dense = any(arch.mlp_kind(layer) is MlpKind.DENSE for layer in range(arch.num_layers))
    return dense and arch.intermediate_size > 0


@lru_cache(maxsize=256)
def caching_architecture(arch: ModelArchitecture, method: DraftMethod) -> ModelArchitecture:
    """Return the target with the draft model's layers behind its own, as the KV cache holds them."""
    count = max(1, arch.mtp_layers) if method is DraftMethod.MTP else 1
    kind = draft_architecture(arch, method).layer_kinds[0]
    return replace(
        arch,
        num_layers=arch.num_layers + count,
        layer_kinds=arch.layer_kinds + (kind,) * count,
        kv_token_ratios=arch.kv_token_ratios + (1,) * count if arch.kv_token_ratios else (),
    )


def draft_precision(target: Precision, draft: ModelArchitecture, method: DraftMethod) -> Precision:
    """Return the formats of the draft model: 16 bit, but for the MTP layers of checkpoints of 8 bit and more.

    Conversions to 4 bit leave the layer alone (``model.layers.61*`` in the exclude list of nvidia/DeepSeek-R1-NVFP4).
    """
    if method is DraftMethod.MTP and target.weight_bytes >= 1.0:
        return target
    plain = replace(draft, quantization=None, quantization_exempt=())
    return resolve_precision("fp16" if draft.torch_dtype == "fp16" else "bf16", plain, None)
