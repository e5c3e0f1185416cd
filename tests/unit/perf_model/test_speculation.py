"""Laws of drafting: tokens per step, steps of an answer, the shape of what drafts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving_samples import LLAMA_8B, MIXTRAL, architecture

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.parameters import count_parameters
from budsim.perf_model.speculation import (
    DraftMethod,
    check_draft_tokens,
    decode_steps,
    draft_architecture,
    draft_method,
    draft_passes,
    expected_decode_steps,
    tokens_per_step,
)

DRAFTS = st.integers(0, 8)
RATES = st.floats(0.0, 1.0)


def simulated_steps(tokens, k, a, runs=4000, seed=1):
    """Steps until ``tokens`` tokens are out, drafted and accepted one by one."""
    draws = np.random.default_rng(seed)
    steps = np.zeros(runs)
    for run in range(runs):
        left = tokens
        while left > 0:
            accepted = 0
            while accepted < k and draws.random() < a:
                accepted += 1
            left -= accepted + 1
            steps[run] += 1
    return steps


@pytest.mark.parametrize(("k", "a", "expected"), [(0, 0.7, 1.0), (1, 0.9, 1.9), (3, 0.5, 1.875), (4, 1.0, 5.0)])
def test_tokens_per_step_are_those_of_the_geometric_sum(k, a, expected):
    assert tokens_per_step(k, a) == pytest.approx(expected)
    if a < 1:
        assert tokens_per_step(k, a) == pytest.approx((1 - a ** (k + 1)) / (1 - a))


@pytest.mark.parametrize(("tokens", "k", "a"), [(20, 3, 0.7), (63, 2, 0.5), (200, 5, 0.9), (7, 1, 0.3)])
def test_steps_of_an_answer_are_those_of_drafts_accepted_one_by_one(tokens, k, a):
    steps = simulated_steps(tokens, k, a)
    assert expected_decode_steps(tokens, k, a) == pytest.approx(steps.mean(), rel=0.015)
    drawn = decode_steps(np.full(4000, tokens), k, a, np.random.default_rng(2).standard_normal(4000))
    assert drawn.mean() == pytest.approx(steps.mean(), rel=0.015)
    assert drawn.std() == pytest.approx(steps.std(), rel=0.15)


@given(tokens=st.integers(0, 3000), k=DRAFTS, a=RATES, b=RATES, z=st.floats(-3, 3))
def test_more_acceptance_never_takes_more_steps_and_none_takes_fewer_than_all_accepted(tokens, k, a, b, z):
    low, high = min(a, b), max(a, b)
    one, draw = np.array([tokens]), np.array([z])
    assert expected_decode_steps(tokens, k, high) <= expected_decode_steps(tokens, k, low) + 1e-9
    assert decode_steps(one, k, high, draw)[0] <= decode_steps(one, k, low, draw)[0]
    for steps in (expected_decode_steps(tokens, k, a), decode_steps(one, k, a, draw)[0]):
        assert tokens / (k + 1) <= steps + 1e-9
        assert steps <= tokens


@given(tokens=st.integers(0, 3000), a=RATES, z=st.floats(-3, 3))
def test_nothing_drafted_or_accepted_is_one_token_a_step(tokens, a, z):
    one, draw = np.array([tokens]), np.array([z])
    assert expected_decode_steps(tokens, 0, a) == tokens
    assert decode_steps(one, 0, a, draw)[0] == tokens
    assert expected_decode_steps(tokens, 4, 0.0) == pytest.approx(tokens)
    assert decode_steps(one, 4, 0.0, draw)[0] == tokens


def test_the_method_is_the_models_own_where_it_has_one():
    with_layers = architecture(LLAMA_8B | {"num_nextn_predict_layers": 1})
    assert with_layers.mtp_layers == 1
    assert draft_method(None, with_layers) is DraftMethod.MTP
    assert draft_method("", architecture()) is DraftMethod.EAGLE
    assert draft_method("EAGLE-3", architecture()) is DraftMethod.EAGLE
    assert draft_method("deepseek_mtp", with_layers) is DraftMethod.MTP
    assert draft_method("ngram", architecture()) is DraftMethod.NGRAM


@pytest.mark.parametrize(("name", "remedy"), [("mtp", "eagle or ngram"), ("medusa", "use one of mtp, eagle, ngram")])
def test_a_method_that_cannot_be_names_the_field_and_the_remedy(name, remedy):
    with pytest.raises(InvalidRequestError, match=remedy) as caught:
        draft_method(name, architecture())
    assert caught.value.param["field"] == "speculative_method"


@pytest.mark.parametrize("count", [-1, 17])
def test_numbers_of_drafts_that_no_engine_takes_are_refused(count):
    with pytest.raises(InvalidRequestError, match="speculative_tokens"):
        check_draft_tokens(count)


def test_ngrams_cost_no_pass_and_models_one_per_token():
    assert draft_passes("ngram", 5) == 0
    assert draft_passes("mtp", 3) == 3
    assert draft_passes("", 0) == 0


def test_an_mtp_draft_is_one_layer_of_the_target_and_an_eagle_head_a_dense_one():
    target = architecture(MIXTRAL | {"num_nextn_predict_layers": 1})
    mtp, eagle = (draft_architecture(target, method) for method in (DraftMethod.MTP, DraftMethod.EAGLE))
    layer = count_parameters(target).layers[-1]
    assert count_parameters(mtp).layers[0].experts == layer.experts
    assert count_parameters(mtp).layers[0].attention == layer.attention + 2 * target.hidden_size**2
    assert not eagle.is_moe
    assert count_parameters(eagle).total < count_parameters(mtp).total / 2


def test_an_eagle_head_of_llama_8b_weighs_what_published_heads_do():
    # yuhuili/EAGLE3-LLaMA3.1-Instruct-8B: about 0.4 B parameters beside the shared embedding.
    draft = draft_architecture(architecture(), DraftMethod.EAGLE)
    counts = count_parameters(draft)
    assert counts.total - counts.embedding == pytest.approx(0.4e9, rel=0.15)
