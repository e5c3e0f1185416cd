"""What engines refuse of two pools, and what their servers and routers are started with."""

import json

import pytest

from budsim.engine_ops import disaggregation as d
from budsim.model_ops.services import default_library
from budsim.perf_model.parallelism import ParallelPlan


def problem(engine="vllm", version=None, model="meta-llama/Llama-3.1-8B-Instruct", tp=(1, 1), device="cuda", **plan):
    arch = default_library().resolve(model)
    sides = [(ParallelPlan(size, **plan), device) for size in tp]
    return d.disaggregation_problem(engine, version, arch, sides[0], sides[1])


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_equal_layouts_are_served(engine):
    assert problem(engine) is None
    assert problem(engine, tp=(4, 4)) is None


@pytest.mark.parametrize(
    ("case", "word"),
    [
        ({"engine": "tgi"}, "tgi"),
        ({"version": "0.8.5"}, "0.9"),
        ({"device": "cpu"}, "cpu"),
        ({"device": "hpu"}, "hpu"),
        ({"tp": (4, 2)}, "multiple"),
        ({"engine": "sglang", "tp": (1, 2)}, "equal TP"),
        ({"pp_size": 2}, "pipeline stages"),
        ({"dp_size": 2}, "instances of their own"),
        ({"model": "BAAI/bge-m3"}, "does not decode"),
    ],
)
def test_what_cannot_be_served_is_named(case, word):
    assert word in problem(**case)


def test_decode_may_split_further_than_prefill_and_a_latent_any_way():
    assert problem(tp=(2, 8)) is None
    assert problem("sglang", model="deepseek-ai/DeepSeek-V3", tp=(16, 8)) is None


def test_vllm_servers_have_a_connector_and_no_role():
    arguments = [d.role_arguments("vllm", role) for role in (d.PREFILL, d.DECODE)]
    assert arguments[0] == arguments[1]
    assert json.loads(arguments[0]["kv-transfer-config"]) == {"kv_connector": "NixlConnector", "kv_role": "kv_both"}
    assert d.role_environment("vllm", 5601) == {"VLLM_NIXL_SIDE_CHANNEL_PORT": "5601"}


def test_sglang_servers_have_a_mode_and_prefill_ones_a_bootstrap_port():
    prefill, decode = (d.role_arguments("sglang", role) for role in (d.PREFILL, d.DECODE))
    assert prefill["disaggregation-mode"] == "prefill"
    assert prefill["disaggregation-bootstrap-port"] == d.BOOTSTRAP_PORT
    assert decode["disaggregation-mode"] == "decode"
    assert "disaggregation-bootstrap-port" not in decode


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_the_router_knows_every_server(engine):
    prefill = [d.ServerAddress("p0", 8000), d.ServerAddress("p1", 8000)]
    words = d.router_command(engine, prefill, [d.ServerAddress("d0", 8000)])
    for server in ("http://p0:8000", "http://p1:8000"):
        assert words[words.index(server) - 1] == "--prefill"
        assert (words[words.index(server) + 1] == str(d.BOOTSTRAP_PORT)) == (engine == "sglang")
    assert words[words.index("http://d0:8000") - 1] == "--decode"
