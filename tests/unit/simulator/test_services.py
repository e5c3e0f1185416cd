"""Requests become questions with every default said, and what was found becomes answers and progress."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from budsim.commons.catalogs import token_prices
from budsim.commons.config import AppSettings
from budsim.commons.errors import (
    BudSimError,
    IncompatibleEngineError,
    InsufficientMemoryError,
    InvalidRequestError,
    UnsupportedError,
)
from budsim.engine_ops.litellm import TokenPrice
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.simulator.answers import explanation, first_remedy, no_recommendation
from budsim.simulator.eta import RANKING_S
from budsim.simulator.models import WorkflowRun, WorkflowStep
from budsim.simulator.progress import progress_of
from budsim.simulator.questions import check_endpoints, choose_method, hardware_question, platform_question, priced
from budsim.simulator.repository import TASK_STEP
from budsim.simulator.request_schemas import ClusterRecommendationRequest, HardwareRunRequest
from budsim.simulator.simulation_request import Job, JobKind

CONFIG = AppSettings(_env_file=None, default_simulation_method="regressor", max_batch_size=None)


def platform(**changes):
    return ClusterRecommendationRequest(
        **{
            "pretrained_model_uri": "m", "is_proprietary_model": False, "input_tokens": 1024, "output_tokens": 512,
            "concurrency": 10, "target_ttft": 100, "target_throughput_per_user": 50, "target_e2e_latency": 5, **changes,
        }
    )  # fmt: skip


def readme(**changes):
    return HardwareRunRequest(**{"model_name": "m", "hardware_type": "CUDA", **changes})


class TestQuestions:
    def test_platform_targets_keep_their_units(self):
        asked = platform_question(platform(), "m", CONFIG)
        assert asked.targets.ttft_ms == 100
        assert asked.targets.throughput_per_user_tps == 50
        assert asked.targets.e2e_latency_s == 5
        assert (asked.workload.isl, asked.workload.osl, asked.workload.concurrency) == (1024, 512, 10)

    def test_a_zero_target_is_no_target(self):
        asked = platform_question(
            platform(target_ttft=0, target_throughput_per_user=0, target_e2e_latency=0), "m", CONFIG
        )
        assert asked.targets.ttft_ms is None
        assert asked.targets.throughput_per_user_tps is None
        assert asked.targets.e2e_latency_s is None

    def test_a_proprietary_model_is_a_proxy_on_cpus_with_the_price_that_the_caller_gives(self):
        asked = platform_question(platform(is_proprietary_model=True, usd_per_million_input_tokens=3.0), "m", CONFIG)
        assert asked.device_types == ("cpu",)
        assert (asked.job.kind, asked.job.usd_per_million_input) == (JobKind.PROPRIETARY, 3.0)
        assert asked.job.usd_per_million_output is None

    def test_a_quantisation_says_its_defaults(self):
        asked = platform_question(platform(is_quantization=True, quantization_type="int4"), "m", CONFIG)
        assert (asked.job.kind, asked.job.method, asked.job.number_format) == (JobKind.QUANTIZATION, "RTN", "INT4")
        assert asked.assumptions["quantization_method"] == "RTN"
        assert "quantization_type" not in asked.assumptions
        assert asked.job.hours is None

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"is_proprietary_model": True, "is_quantization": True}, "is_quantization"),
            ({"is_quantization": True, "quantization_type": "INT3"}, "quantization_type"),
        ],
    )
    def test_what_cannot_be_is_refused_by_name(self, changes, field):
        with pytest.raises(InvalidRequestError) as caught:
            platform_question(platform(**changes), "m", CONFIG)
        assert caught.value.param == {"field": field}


PROXY = Job(JobKind.PROPRIETARY)
LISTED = {"openai/gpt-x": TokenPrice(2.0, 8.0, "a list of 2026-11")}


class TestPrices:
    def test_the_callers_price_comes_first_and_the_list_fills_in(self):
        given = priced(replace(PROXY, usd_per_million_input=1.0, usd_per_million_output=4.0), "openai/gpt-x", {})
        assert (given.usd_per_million_input, given.price_source) == (1.0, "given with the request")
        half = priced(replace(PROXY, usd_per_million_input=1.0), "OpenAI/GPT-x ", LISTED)
        assert (half.usd_per_million_input, half.usd_per_million_output) == (1.0, 8.0)
        assert half.price_source == "list price, a list of 2026-11, where not given"

    def test_an_unlisted_model_has_no_price_and_says_what_to_send(self):
        none = priced(PROXY, "acme/m1", LISTED)
        assert none.usd_per_million_output is None
        assert "usd_per_million_input_tokens" in none.price_source

    def test_the_shipped_list_is_plausible(self):
        prices = token_prices()
        assert len(prices) > 300
        for price in prices.values():
            assert 0 < price.usd_per_million_input < 1000
            assert 0 < price.usd_per_million_output < 1000
            assert "2026" in price.source
        assert prices["openai/gpt-4o"] == prices["gpt-4o"]
        assert (prices["gpt-4o"].usd_per_million_input, prices["gpt-4o"].usd_per_million_output) == (2.5, 10.0)

    def test_readme_defaults_are_said(self):
        asked = hardware_question(readme(), "m", CONFIG)
        assert asked.assumptions == {"input_tokens": 1024, "output_tokens": 512, "concurrency": 10}
        assert asked.device_types == ("cuda",)
        assert asked.objective == "throughput"

    def test_the_batch_size_is_the_load_where_none_is_stated(self):
        asked = hardware_question(readme(constraints={"max_batch_size": 32}), "m", CONFIG)
        assert asked.workload.concurrency == 32
        assert asked.engine_overrides == {}

    def test_a_load_beyond_the_batch_size_queues(self):
        body = readme(constraints={"max_batch_size": 32}, workload={"concurrency": 100})
        assert hardware_question(body, "m", CONFIG).engine_overrides == {"max_num_seqs": 32}

    def test_readme_bounds_reach_the_search(self):
        bounds = {"max_memory_gb": 24, "min_throughput_tokens_per_second": 100}
        asked = hardware_question(readme(constraints=bounds), "m", CONFIG)
        assert asked.limits.max_memory_bytes_per_device == 24e9
        assert asked.targets.output_tps == 100

    @pytest.mark.parametrize("name", ["H100", " ", "cudaa"])
    def test_a_hardware_type_that_is_none_is_refused_with_those_that_are(self, name):
        with pytest.raises(InvalidRequestError, match="cuda, rocm") as refused:
            hardware_question(readme(hardware_type=name), "m", CONFIG)
        assert refused.value.param == {"field": "hardware_type"}

    def test_no_quantisation_is_the_checkpoints_own_format(self):
        asked = hardware_question(readme(quantization_options=["none", "INT8", "int8", ""]), "m", CONFIG)
        assert asked.precisions == (None, "int8")

    def test_the_default_method_is_the_settings_and_said(self):
        assumptions = {}
        assert choose_method(None, CONFIG, assumptions) == "regressor"
        assert assumptions == {"simulation_method": "regressor"}
        assert choose_method("heuristic", CONFIG, assumptions) == "heuristic"


OUTCOME = {
    "cluster_id": "c", "device_type": "cuda", "device_name": "GPU", "engine": "vllm", "num_rows": 0, "num_evaluated": 1,
    "rejections": [], "remedies": [], "error": None,
}  # fmt: skip


def told_of(*rejections, **changes):
    causes = [{"code": code, "count": 1, "reason": code} for code in rejections]
    return explanation([{**OUTCOME, "rejections": causes, **changes}], [], {})


class TestAnswers:
    @pytest.mark.parametrize("code", ["memory", "kv_capacity", "platform_memory", "excluded_memory"])
    def test_what_does_not_fit_is_a_memory_error(self, code):
        assert isinstance(no_recommendation([], told_of(code), 0.5, "platform"), InsufficientMemoryError)

    def test_no_engine_is_an_engine_error(self):
        told = explanation([], ["Cluster a: no vllm serves this model on GPU."], {})
        assert isinstance(no_recommendation([], told, 0.5, "platform"), IncompatibleEngineError)

    def test_reasons_and_remedies_come_with_the_error(self):
        remedy = {"kind": "add_devices", "text": "Add a node.", "changes": {"nodes": 1}, "is_verified": True}
        error = no_recommendation([], told_of("tp_heads", remedies=[remedy]), 0.5, "platform")
        assert isinstance(error, InvalidRequestError)
        assert "Add a node." in error.message
        assert error.param["reasons"]
        assert error.param["remedies"][0]["cluster_id"] == "c"

    def test_what_would_help_is_told_of_the_devices_that_come_nearest(self):
        far = {"kind": "relax_targets", "text": "far", "changes": {}, "is_verified": False}
        near = {**far, "text": "near"}
        outcomes = [{**OUTCOME, "device_name": "slow", "remedies": [far]}, {**OUTCOME, "remedies": [near]}]
        told = explanation(outcomes, [], {})
        ranked = [{"cluster_id": "c", "device_type": "cuda", "device_name": "GPU"}]
        assert "near" in first_remedy(told, ranked)
        assert "far" in first_remedy(told, [])

    def test_a_search_that_could_not_be_made_says_why(self):
        told = told_of(error="the context is too short")
        assert told["reasons"] == ["Cluster c: GPU (cuda) with vllm: the context is too short"]
        assert told["refusals"][0]["code"] == "not_searched"

    def test_every_way_to_find_nothing_is_the_callers_to_change(self):
        for told in (told_of(), told_of("x"), explanation([], [], {})):
            error = no_recommendation([], told, 0.5, "platform")
            assert isinstance(error, BudSimError)
            assert error.http_status == 400


def run_in(status, **changes):
    now = datetime.now(UTC)
    fields = {"started_at": now - timedelta(seconds=4), "finished_at": None, "progress": {}, **changes}
    return WorkflowRun(workflow_id=uuid4(), status=status, **fields)


def step(name, status="STARTED"):
    return WorkflowStep(step_id=name, status=status, title="t", message="m", notification={})


class TestProgress:
    def test_nothing_has_happened_yet(self):
        found = progress_of(run_in("PENDING"), [], 10.0)
        assert (found["percent"], found["step"]) == (0, None)
        assert found["eta"] == 1

    def test_searches_move_the_bar(self):
        run = run_in("RUNNING", progress={"num_tasks": 4, "eta_seconds": 60.0})
        steps = [step("validation"), step("performance_estimation")]
        seen = [progress_of(run, [*steps, *[step(TASK_STEP)] * count], 10.0)["percent"] for count in range(5)]
        assert seen == [10, 30, 50, 70, 90]

    def test_time_left_is_what_was_expected_less_what_has_passed(self):
        found = progress_of(run_in("RUNNING", progress={"num_tasks": 1, "eta_seconds": 60.0}), [step("ranking")], 10.0)
        assert found["eta_seconds"] == pytest.approx(56, abs=1)
        assert found["percent"] == 90

    def test_a_run_half_over_takes_as_long_again_whatever_was_expected(self):
        run = run_in("RUNNING", progress={"num_tasks": 4, "eta_seconds": 600.0})
        found = progress_of(run, [step("performance_estimation"), step(TASK_STEP), step(TASK_STEP)], 10.0)
        assert found["eta_seconds"] == pytest.approx(4 + RANKING_S, abs=1)

    @pytest.mark.parametrize("status", ["COMPLETED", "FAILED", "TIMED_OUT", "TERMINATED"])
    def test_a_run_that_is_over_has_no_time_left(self, status):
        found = progress_of(run_in(status, finished_at=datetime.now(UTC)), [step("ranking")], 100.0)
        assert (found["eta"], found["eta_seconds"]) == (0, 0)
        assert (found["percent"] == 100) is (status == "COMPLETED")

    def test_searches_are_not_shown_as_events(self):
        found = progress_of(run_in("RUNNING"), [step("validation"), step(TASK_STEP)], 1.0)
        assert [event["step"] for event in found["steps"]] == ["validation"]


def shape(name, *architectures):
    config = {
        "model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 128,
        "intermediate_size": 128, "max_position_embeddings": 2048, "architectures": list(architectures),
    }  # fmt: skip
    return ModelArchitecture.from_config(config, name=name)


class TestEndpoints:
    @pytest.mark.parametrize("endpoint", ["EMBEDDING", "RERANK", "CLASSIFY", "AUDIO", "LLM,EMBEDDING"])
    def test_a_model_that_generates_serves_nothing_else(self, endpoint):
        with pytest.raises(UnsupportedError, match="only generates text") as caught:
            check_endpoints(endpoint, shape("meta-llama/Llama-3.1-8B", "LlamaForCausalLM"))
        assert caught.value.param["field"] == "model_endpoints"

    @pytest.mark.parametrize(
        ("name", "architecture", "serves"),
        [
            ("Qwen/Qwen3-8B", "Qwen3ForCausalLM", "LLM"),
            ("Qwen/Qwen3-Embedding-8B", "Qwen3ForCausalLM", "EMBEDDING"),
            ("Qwen/Qwen3-Reranker-8B", "Qwen3ForCausalLM", "RERANK"),
            ("some/classifier", "LlamaForSequenceClassification", "CLASSIFY"),
            ("mistral/Voxtral", "VoxtralForConditionalGeneration", "LLM,AUDIO"),
        ],
    )
    def test_a_model_serves_what_it_is_for_and_refuses_the_rest(self, name, architecture, serves):
        arch = shape(name, architecture)
        check_endpoints(serves, arch)
        check_endpoints(None, arch)
        for other in {"LLM", "EMBEDDING"} - set(serves.split(",")):
            with pytest.raises(UnsupportedError, match=other):
                check_endpoints(other, arch)
