"""Moving the KV cache of one prompt from the instance that prefilled it to the one that decodes it.

Pure arithmetic, bytes and seconds. Every device of the decode instance fetches its own share of the heads (or the whole
latent of MLA) over its own link, all at once; every device of the prefill instance that holds a share sends it. The
slower side decides. Pairs on one node use the devices' own links, others the network: the facts of ``collectives``.

What is not modelled: sending layers while later ones are still computed (the transfer is counted whole, after the
prefill), and blocks that are not full.

Sources:
    layout    vLLM's NixlConnector: a decode rank reads the heads it will serve; with MLA every rank reads the latent.
    grouping  ``kv_cache.kv_bytes_per_token_layer``: heads are split until one is left per device, a latent is copied.
"""

from __future__ import annotations

from dataclasses import dataclass

from budsim.perf_model.collectives import Fabric, link_bytes_per_s, send_seconds
from budsim.perf_model.engine_constants import StepConstants
from budsim.perf_model.kv_cache import caches_nothing, kv_bytes_per_token_layer, kv_element_bytes
from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import stage_layer_ranges
from budsim.perf_model.serving_point import ServingPoint


@dataclass(frozen=True, slots=True)
class PromptCache:
    """What the cache of one prompt weighs on one device of one pipeline stage.

    Attributes:
        full_bytes_per_token: Layers that keep every token.
        window_bytes_per_token: Layers that keep a window.
        window_tokens: That window; 0 = no such layer.
        fixed_bytes: States of linear layers, whatever the length.
    """

    full_bytes_per_token: float
    window_bytes_per_token: float = 0.0
    window_tokens: float = 0.0
    fixed_bytes: float = 0.0

    def bytes_of(self, tokens: float) -> float:
        """Return the bytes of a prompt of so many tokens."""
        kept = min(tokens, self.window_tokens)
        return tokens * self.full_bytes_per_token + kept * self.window_bytes_per_token + self.fixed_bytes


def prompt_cache(arch: ModelArchitecture, attention_tp: int, kv_cache_dtype: str, layers: range) -> PromptCache:
    """Return what one prompt's cache weighs on one of ``attention_tp`` devices that share its heads.

    Args:
        arch: Model shape.
        attention_tp: Devices that share one sequence's heads.
        kv_cache_dtype: Format of cached elements.
        layers: Layers of the stage.
    """
    if caches_nothing(arch):
        return PromptCache(0.0)
    element = kv_element_bytes(kv_cache_dtype)
    windows = {LayerKind.SLIDING: arch.sliding_window or 0, LayerKind.CHUNKED: arch.attention_chunk_size or 0}
    full = windowed = fixed = 0.0
    for layer in layers:
        kind = arch.layer_kinds[layer]
        is_attention = kind in (LayerKind.FULL, LayerKind.SLIDING, LayerKind.CHUNKED)
        if kind is LayerKind.LINEAR or (is_attention and arch.parallel_linear):
            fixed += arch.linear_state_bytes / attention_tp
        if not is_attention:
            continue
        ratio = arch.kv_token_ratios[layer] if arch.kv_token_ratios else 1
        per_token = kv_bytes_per_token_layer(arch, kind, attention_tp, element) / ratio
        if windows.get(kind):
            windowed += per_token
        else:
            full += per_token
    return PromptCache(full, windowed, float(max(windows.values())) if windowed else 0.0, fixed)


@dataclass(frozen=True, slots=True)
class KvTransfer:
    """The link between one prefill and one decode instance.

    Attributes:
        received: Cache of one prompt that a decode device fetches.
        sent_share: Bytes that a prefill device sends, per byte that a decode device fetches.
        prefill_link: Links of the prefill instance.
        decode_link: Links of the decode instance.
        crosses_nodes: The pair lies on different nodes.
    """

    received: PromptCache
    sent_share: float
    prefill_link: Fabric
    decode_link: Fabric
    crosses_nodes: bool

    def sending_seconds(self, tokens: float) -> float:
        """Return how long one prompt of so many tokens keeps a prefill device's link busy."""
        return send_seconds(self.prefill_link, self.received.bytes_of(tokens) * self.sent_share, self.crosses_nodes)

    def receiving_seconds(self, tokens: float) -> float:
        """Return how long it keeps a decode device's link busy."""
        return send_seconds(self.decode_link, self.received.bytes_of(tokens), self.crosses_nodes)

    def seconds(self, tokens: float) -> float:
        """Return the time from the end of the prefill to the whole cache at the decode instance, links idle."""
        return max(self.sending_seconds(tokens), self.receiving_seconds(tokens))


def kv_transfer(
    prefill: ServingPoint,
    decode: ServingPoint,
    prefill_constants: StepConstants,
    decode_constants: StepConstants,
    crosses_nodes: bool,
) -> KvTransfer:
    """Return the link between an instance of either pool.

    Args:
        prefill: One prefill instance.
        decode: One decode instance; the format of its cache is what is sent.
        prefill_constants: For the share of the link rate that large messages reach.
        decode_constants: The same of the decode devices.
        crosses_nodes: The instances lie on different nodes.
    """
    arch, plan = decode.arch, decode.plan
    stages = [
        prompt_cache(arch, plan.attention_tp_size, decode.settings.kv_cache_dtype, layers)
        for layers in stage_layer_ranges(arch.num_layers, plan.pp_size)
    ]
    received = max(stages, key=lambda stage: (stage.bytes_of(decode.workload.isl), stage.full_bytes_per_token))
    return KvTransfer(
        received,
        plan.attention_tp_size * plan.pp_size / sending_devices(prefill, decode),
        _fabric(prefill, prefill_constants),
        _fabric(decode, decode_constants),
        crosses_nodes,
    )


def sending_devices(prefill: ServingPoint, decode: ServingPoint) -> int:
    """Return the devices of a prefill instance that send a part of one prompt's cache.

    Heads that several devices hold alike are read from as many of them as there are readers.
    """
    heads = 1 if prefill.arch.is_mla else prefill.arch.num_kv_heads
    readers = max(heads, decode.plan.attention_tp_size)
    return prefill.plan.pp_size * min(prefill.plan.attention_tp_size, readers)


def _fabric(point: ServingPoint, constants: StepConstants) -> Fabric:
    return Fabric(
        link_bytes_per_s(point.device),
        point.inter_node_bytes_per_s,
        max(1, point.devices_per_node),
        constants.collective_latency_s,
        constants.link_efficiency,
        bool(point.device.link_bytes_per_s),
    )
