"""What the form asks survives its own link."""

import pytest

from budsim.dashboard.optimise_page import Question
from budsim.dashboard.run_page import question_of


@pytest.mark.parametrize("allowed", [False, True])
def test_separate_pools_are_asked_for_and_survive_the_link(allowed):
    asked = Question(model="a/b", allow_disaggregated=allowed)
    assert asked.body()["allow_disaggregated"] is allowed
    read = Question()
    read.read(dict(part.split("=") for part in asked.query().split("&")), {})
    assert read.allow_disaggregated is allowed


def test_a_runs_request_opens_the_form_with_its_pools():
    body = dict.fromkeys(
        ("cluster_id", "objective", "input_tokens", "output_tokens", "concurrency", "target_ttft",
         "target_throughput_per_user", "target_e2e_latency", "hardware_mode")
    )  # fmt: skip
    assert question_of({**body, "model": "a/b", "method": "HEURISTIC", "allow_disaggregated": True}).allow_disaggregated
