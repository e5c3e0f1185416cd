"""An advisor remembers figures, never answers, and whoever cannot wait is told so instead of waiting."""

import json

import pytest

from budsim.commons.catalogs import hardware_catalog
from budsim.library import current_basis
from budsim.model_ops.services import service_library
from budsim.usecases.advisor import HardwareAdvisor, NotRememberedError
from budsim.usecases.recommendation_json import encoded_answer
from budsim.usecases.recommendation_services import Asked
from budsim.usecases.recommendations import CategoryModel, HardwareFilter, Question, recommend_models
from budsim.usecases.use_case import UseCase

USE_CASE = UseCase("chat", "Chat", input_tokens_max=512, output_tokens_max=64, ttft_max=1.0)
DEVICES = HardwareFilter(names=frozenset({"NVIDIA L40S", "NVIDIA L4"}))
QUESTION = Question(batch_sizes=(1, 4), hardware=DEVICES, max_options=2)


@pytest.fixture(scope="module")
def models():
    names = ("Qwen/Qwen3-8B", "meta-llama/Llama-3.2-3B")
    return [CategoryModel("8B", name, name, service_library().resolve(name)) for name in names]


@pytest.fixture
def advisor():
    return HardwareAdvisor(hardware_catalog, current_basis)


def asked(advisor, models, question=QUESTION, use_case=USE_CASE):
    return Asked(use_case, models, question, advisor.now(), {"method": "any"})


def test_what_is_not_remembered_is_not_worked_out_for_who_cannot_wait(advisor, models):
    with pytest.raises(NotRememberedError):
        recommend_models(USE_CASE, models, QUESTION, advisor.now().remembered())
    assert asked(advisor, models).recommend_at_once() is None


def test_the_remembered_answer_is_the_one_that_was_worked_out(advisor, models):
    worked_out = asked(advisor, models).recommend()
    assert asked(advisor, models).recommend_at_once() == worked_out


def test_figures_are_remembered_and_bounds_are_checked_anew(advisor, models):
    asked(advisor, models).recommend()
    strict = UseCase("other", "Other", input_tokens_max=512, output_tokens_max=64, ttft_max=1e-9, e2e_max=None)
    answer = json.loads(asked(advisor, models, use_case=strict).recommend_at_once())
    batches = [b for m in answer["recommendations"][0]["recommended_models"] for b in m["batch_configurations"]]
    options = [option for batch in batches for option in batch["hardware_options"]]
    assert options
    assert not any(option["meets_slo"] or batch["meets_slo"] for batch in batches for option in options)
    assert {option["slo"]["ttft"] for option in options} == {False}
    assert {option["slo"]["e2e"] for option in options} == {None}


def test_other_lengths_and_other_batch_sizes_are_not_remembered(advisor, models):
    asked(advisor, models).recommend()
    longer = UseCase("long", "Long", input_tokens_max=513, output_tokens_max=64)
    larger = Question(batch_sizes=(1, 4, 5), hardware=DEVICES, max_options=2)
    assert asked(advisor, models, use_case=longer).recommend_at_once() is None
    assert asked(advisor, models, larger).recommend_at_once() is None


def test_a_large_question_is_never_answered_at_once(advisor, models):
    asked(advisor, models).recommend()
    assert asked(advisor, models * 126).recommend_at_once() is None


def test_one_answer_rests_on_one_catalogue_and_one_predictor(models):
    read = []

    def catalog():
        read.append("catalog")
        return hardware_catalog()

    def basis():
        read.append("basis")
        return current_basis()

    asked(HardwareAdvisor(catalog, basis), models).recommend()
    assert read == ["catalog", "basis"]


def test_an_answer_without_models_options_or_categories_is_json(advisor, models):
    nothing = Question(batch_sizes=(1,), hardware=HardwareFilter(names=frozenset({"none such"})))
    answers = recommend_models(USE_CASE, models[:1], nothing, advisor.now())
    answer = json.loads(encoded_answer({"usecase": {}}, answers, None))
    (category,) = answer["recommendations"]
    assert category["recommended_models"][0]["batch_configurations"][0]["hardware_options"] == []
    assert json.loads(encoded_answer({"usecase": {}}, [], None)) == {"usecase": {}, "recommendations": []}
