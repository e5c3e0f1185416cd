"""Mixers with a state of fixed size: parameters and state of one layer.

Sources:
    Mamba       arXiv:2312.00752; Mamba-2: arXiv:2405.21060 (shapes as in ``transformers`` 5 ``modeling_mamba*.py``).
    Gated delta net  arXiv:2412.06464, as in Qwen3-Next; state checked against vLLM's 1,097,728 B per layer.
    KDA         Kimi Linear report, arXiv:2510.26692.
    Lightning   MiniMax-01, arXiv:2501.08313.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from budsim.perf_model.config_fields import ConfigFields


@dataclass(frozen=True, slots=True)
class LinearMixer:
    """Parameters and state elements of one linear mixer, before TP."""

    params: int
    state_elements: int


def mamba1(fields: ConfigFields, hidden: int) -> LinearMixer:
    """Return Mamba (S6) as in Mamba, Falcon-Mamba and Jamba."""
    state = fields.integer("mamba_d_state", "state_size", default=16)
    conv = fields.integer("mamba_d_conv", "conv_kernel", default=4)
    if fields.has("mamba_expand"):
        inner = fields.integer("mamba_expand") * hidden
    else:
        inner = fields.integer("intermediate_size", default=fields.integer("expand", default=2) * hidden)
    rank_names = ("mamba_dt_rank", "time_step_rank")
    rank_value = fields.raw(*rank_names)
    rank = math.ceil(hidden / 16) if rank_value in (None, "auto") else fields.integer(*rank_names)
    params = hidden * 2 * inner + inner * conv + inner + inner * (rank + 2 * state) + rank * inner + inner
    params += inner * state + inner + inner * hidden
    if fields.text("model_type") == "jamba":
        params += rank + 2 * state  # norms of dt, B and C
    return LinearMixer(params, inner * state + (conv - 1) * inner)


def mamba2(fields: ConfigFields, hidden: int) -> LinearMixer:
    """Return Mamba-2 as in Nemotron-H, Granite 4.0 hybrids, Falcon-H1, Bamba and Mamba-2."""
    heads = fields.integer("mamba_n_heads", "mamba_num_heads", "n_mamba_heads", "num_heads")
    head_dim_names = ("mamba_d_head", "mamba_head_dim", "mamba_headdim", "head_dim")
    if fields.has("mamba_d_ssm"):
        inner = fields.integer("mamba_d_ssm")
    elif isinstance(fields.raw(*head_dim_names), int):
        inner = heads * fields.integer(*head_dim_names)
    else:
        inner = fields.integer("mamba_expand", "expand", default=2) * hidden
    groups = fields.integer("mamba_n_groups", "n_groups", "mamba_ngroups", default=1)
    state = fields.integer("mamba_d_state", "ssm_state_size", "state_size", default=128)
    conv = fields.integer("mamba_d_conv", "conv_kernel", default=4)
    conv_dim = inner + 2 * groups * state
    params = hidden * (inner + conv_dim + heads) + conv_dim * conv + inner * hidden + 3 * heads
    if fields.boolean("mamba_conv_bias", "use_conv_bias", default=True):
        params += conv_dim
    if fields.boolean("mamba_rms_norm", default=fields.text("model_type") != "falcon_h1"):
        params += inner
    return LinearMixer(params, inner * state + (conv - 1) * conv_dim)


def gated_delta_net(fields: ConfigFields, hidden: int) -> LinearMixer:
    """Return the gated delta net of Qwen3-Next, Qwen3.5 and OLMo Hybrid."""
    key_heads = fields.integer("linear_num_key_heads")
    value_heads = fields.integer("linear_num_value_heads")
    key_dim = fields.integer("linear_key_head_dim")
    value_dim = fields.integer("linear_value_head_dim")
    conv = fields.integer("linear_conv_kernel_dim", default=4)
    keys, values = key_heads * key_dim, value_heads * value_dim
    params = hidden * (2 * keys + 2 * values) + hidden * 2 * value_heads + (2 * keys + values) * conv
    params += 2 * value_heads + value_dim + values * hidden
    return LinearMixer(params, value_heads * key_dim * value_dim + (conv - 1) * (2 * keys + values))


def kimi_delta_attention(fields: ConfigFields, hidden: int) -> LinearMixer:
    """Return Kimi delta attention (KDA)."""
    section = fields.section("linear_attn_config") or {}
    inner = ConfigFields(section, fields.model, f"{fields.prefix}linear_attn_config.")
    heads = inner.integer("num_heads", default=fields.integer("linear_num_heads", "num_attention_heads"))
    head_dim = inner.integer("head_dim", default=fields.integer("linear_head_dim", default=128))
    conv = inner.integer("short_conv_kernel_size", default=fields.integer("linear_conv_kernel_dim", default=4))
    width = heads * head_dim
    params = 4 * hidden * width + 3 * width * conv + heads + width + hidden * heads + head_dim
    params += hidden * head_dim + head_dim * width  # decay gate, low rank
    if inner.boolean("use_full_rank_gate", default=False):
        params += hidden * width
    else:
        params += hidden * head_dim + head_dim * width  # output gate, low rank
    return LinearMixer(params, heads * head_dim * head_dim + (conv - 1) * 3 * width)


def lightning_attention(hidden: int, heads: int, head_dim: int) -> LinearMixer:
    """Return MiniMax's lightning attention: fused QKV, output gate, norm, output projection."""
    width = heads * head_dim
    return LinearMixer(5 * hidden * width + width, heads * head_dim * head_dim)


def short_convolution(fields: ConfigFields, hidden: int) -> LinearMixer:
    """Return LFM2's gated short convolution."""
    width = fields.integer("conv_dim", default=hidden)
    length = fields.integer("conv_L_cache", default=3)
    return LinearMixer(hidden * 3 * width + width * length + width * hidden, width * (length - 1))


def linear_mixer(fields: ConfigFields, hidden: int, heads: int, head_dim: int) -> LinearMixer:
    """Return the mixer that the config's fields describe.

    Raises:
        UnsupportedModelError: Linear layers are stated, but none of the known mixers' fields is there.
    """
    if fields.has("linear_attn_config") or fields.text("model_type") == "kimi_linear":
        return kimi_delta_attention(fields, hidden)
    if fields.has("linear_num_value_heads"):
        return gated_delta_net(fields, hidden)
    if fields.has("conv_L_cache"):
        return short_convolution(fields, hidden)
    if fields.has("attn_type_list") or fields.text("model_type") == "minimax":
        return lightning_attention(hidden, heads, head_dim)
    if fields.raw("mamba_n_heads", "mamba_num_heads") is not None or fields.text("model_type") == "mamba2":
        return mamba2(fields, hidden)
    if fields.raw("mamba_d_state", "state_size", "mamba_dt_rank") is not None:
        return mamba1(fields, hidden)
    raise fields.fail(
        "linear_num_value_heads",
        "is missing: the model has linear layers, but no sizes of a known mixer (Mamba, Mamba-2, gated delta net, "
        "KDA, lightning attention, short convolution)",
    )
