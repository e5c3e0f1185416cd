"""Disaggregated prefill and decode: which engines serve it, with which layouts, and what its servers are started with.

Pure. Sources:
    vLLM      NixlConnector usage guide and compatibility matrix (0.9 on): the roles are the router's, ``kv_role`` is a
              placeholder; ranks of a decode instance read from the prefill rank that holds their heads, so that decode
              TP is a multiple of prefill TP; no encoder-decoder models, states of linear layers with equal TP only.
    SGLang    PD disaggregation guide: ``--disaggregation-mode``, a bootstrap port on every prefill server; unequal TP
              for MLA, whose latent every rank holds.
    routers   vllm-router (``--vllm-pd-disaggregation``), sglang_router (``--pd-disaggregation``): the address of every
              server; SGLang's prefill servers with their bootstrap port.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from budsim.engine_ops.base import ArgumentValue, base_device_type
from budsim.perf_model.engine_settings import version_numbers
from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan

PREFILL, DECODE = "prefill", "decode"
FIRST_VLLM = (0, 9)
# Engines whose servers BudSim starts; TensorRT-LLM's are predicted only.
DEPLOYED_ENGINES = ("vllm", "sglang")
PREDICTED_ENGINES = (*DEPLOYED_ENGINES, "trtllm")
DEVICE_TYPES = ("cuda", "rocm")
SIDE_CHANNEL_PORT = 5600  # vLLM: VLLM_NIXL_SIDE_CHANNEL_PORT
BOOTSTRAP_PORT = 8998  # SGLang: --disaggregation-bootstrap-port
ROUTER_PORT = 8080
VLLM_ROUTER_IMAGE = "vllm/vllm-router:nightly"
_KV_TRANSFER = {"kv_connector": "NixlConnector", "kv_role": "kv_both"}


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where the router finds a server."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The server's address as a router takes it."""
        return f"http://{self.host}:{self.port}"


def disaggregation_problem(
    engine: str,
    version: str | None,
    arch: ModelArchitecture,
    prefill: tuple[ParallelPlan, str],
    decode: tuple[ParallelPlan, str],
) -> str | None:
    """Return why an engine does not serve a model in two pools, or None.

    Args:
        engine: Canonical name.
        version: None = the default one.
        arch: Model shape.
        prefill: Layout of a prefill instance, and its device type.
        decode: The same of a decode instance.
    """
    if engine not in PREDICTED_ENGINES:
        return f"{engine} does not serve prefill and decode apart; {', '.join(PREDICTED_ENGINES)} do."
    numbers = version_numbers(version)
    if engine == "vllm" and numbers is not None and numbers < FIRST_VLLM:
        return f"vllm {version} has no NixlConnector; 0.9 and later have."
    for plan, device_type in (prefill, decode):
        if base_device_type(device_type) not in DEVICE_TYPES:
            return f"{engine} serves prefill and decode apart on {', '.join(DEVICE_TYPES)}, not on {device_type}."
        if plan.dp_size > 1 and not plan.dp_attention:
            return "Data-parallel copies inside an instance are instances of their own here: set their number."
    if arch.is_one_pass or arch.task != "generate":
        return f"{arch.name} does not decode (task {arch.task}): there is nothing to take apart."
    if decode[0].pp_size > 1:
        return f"pp_size {decode[0].pp_size} of a decode instance: only prefill instances have pipeline stages here."
    return _pair_problem(engine, arch, prefill[0].attention_tp_size, decode[0].attention_tp_size)


def _pair_problem(engine: str, arch: ModelArchitecture, prefill_tp: int, decode_tp: int) -> str | None:
    if prefill_tp == decode_tp or engine == "trtllm":
        return None
    pair = f"prefill TP {prefill_tp} with decode TP {decode_tp}"
    if LayerKind.LINEAR in arch.layer_kinds:
        return f"{pair}: states of linear layers move between equal TP only."
    if engine == "sglang" and not arch.is_mla:
        return f"{pair}: sglang wants equal TP in both pools, except for models with MLA."
    if engine == "vllm" and decode_tp % prefill_tp:
        return f"{pair}: vllm wants a decode TP that is a multiple of the prefill TP."
    return None


def role_arguments(engine: str, role: str) -> dict[str, ArgumentValue]:
    """Return what the arguments of a server of a role have on top of an aggregated one's.

    Args:
        engine: One of ``DEPLOYED_ENGINES``.
        role: PREFILL or DECODE.
    """
    if engine == "vllm":
        return {"kv-transfer-config": json.dumps(_KV_TRANSFER, separators=(",", ":"))}
    args: dict[str, ArgumentValue] = {"disaggregation-mode": role, "disaggregation-transfer-backend": "nixl"}
    return args | ({"disaggregation-bootstrap-port": BOOTSTRAP_PORT} if role == PREFILL else {})


def role_environment(engine: str, side_channel_port: int = SIDE_CHANNEL_PORT) -> dict[str, str]:
    """Return the environment of a server: where vLLM's instances tell each other of their memory."""
    return {"VLLM_NIXL_SIDE_CHANNEL_PORT": str(side_channel_port)} if engine == "vllm" else {}


def router_command(
    engine: str,
    prefill: Sequence[ServerAddress],
    decode: Sequence[ServerAddress],
    bootstrap_ports: Sequence[int] = (),
) -> list[str]:
    """Return the command of the router in front of both pools.

    Args:
        engine: One of ``DEPLOYED_ENGINES``.
        prefill: Every prefill server.
        decode: Every decode server.
        bootstrap_ports: Of the prefill servers, SGLang only; empty = the default one.
    """
    words = ["--host", "0.0.0.0", "--port", str(ROUTER_PORT)]  # noqa: S104 - inside a container
    if engine == "vllm":
        words = ["vllm-router", "--policy", "round_robin", "--vllm-pd-disaggregation", *words]
        for server in prefill:
            words += ["--prefill", server.url]
    else:
        words = ["python3", "-m", "sglang_router.launch_router", "--pd-disaggregation", *words]
        ports = list(bootstrap_ports) or [BOOTSTRAP_PORT] * len(prefill)
        for server, port in zip(prefill, ports, strict=True):
            words += ["--prefill", server.url, str(port)]
    for server in decode:
        words += ["--decode", server.url]
    return words


def router_image(engine: str, images: Mapping[str, str]) -> str:
    """Return the container image of the router: SGLang's is in the engine's own image.

    Args:
        engine: One of ``DEPLOYED_ENGINES``.
        images: The pools' image under ``engine``.
    """
    return VLLM_ROUTER_IMAGE if engine == "vllm" else images["engine"]
