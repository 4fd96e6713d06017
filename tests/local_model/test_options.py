"""Ollama's options."""

import pytest

from services.local_model.app.api.options import Options, OptionsError, described, sampling, schema
from services.local_model.app.engine.engine import Sampling


def test_without_options_the_model_has_its_own_defaults() -> None:
    assert sampling(None) == sampling(Options()) == Sampling()
    assert (Sampling().temperature, Sampling().top_p, Sampling().repeat_penalty) == (0.2, 0.9, 1.1)


def test_every_sampling_option_reaches_the_engine() -> None:
    asked = Options(
        temperature=1, top_k=5, top_p=0.5, min_p=0.1, typical_p=0.7, repeat_last_n=-1, repeat_penalty=1.5,
        presence_penalty=0.25, frequency_penalty=0.75, seed=7, num_predict=12, stop=["a", "", "b"],
    )  # fmt: skip

    assert sampling(asked) == Sampling(
        temperature=1.0, top_k=5, top_p=0.5, min_p=0.1, typical_p=0.7, repeat_last_n=-1, repeat_penalty=1.5,
        presence_penalty=0.25, frequency_penalty=0.75, seed=7, max_tokens=12, stop=("a", "b"),
    )  # fmt: skip


def test_a_whole_number_may_be_written_with_a_point() -> None:
    assert sampling(Options(num_predict=10.0, top_k=3.9)).max_tokens == 10
    assert sampling(Options(top_k=3.9)).top_k == 3


@pytest.mark.parametrize("num_predict", [-1, -2, 0])
def test_an_answer_without_a_limit_has_none(num_predict: int) -> None:
    assert sampling(Options(num_predict=num_predict)).max_tokens is None


def test_a_negative_seed_is_a_random_one() -> None:
    assert sampling(Options(seed=-1)).seed is None
    assert sampling(Options(seed=2**32 - 1)).seed == 2**32 - 1


def test_a_number_too_large_for_the_engine_is_cut_down() -> None:
    asked = Options(top_k=10**20, num_predict=1e300, seed=10**30, repeat_last_n=-(10**30))

    assert sampling(asked) == Sampling(top_k=2**31 - 1, max_tokens=2**31 - 1, seed=2**32 - 1, repeat_last_n=-1)


def test_a_repeat_penalty_of_nothing_is_refused() -> None:
    with pytest.raises(OptionsError, match="repeat_penalty"):
        sampling(Options(repeat_penalty=0))


def test_a_format_is_none_or_json_or_a_schema() -> None:
    assert schema(None) is None
    assert schema("") is None
    assert schema("json") == {"type": "object"}
    assert schema({"type": "array"}) == {"type": "array"}
    with pytest.raises(OptionsError, match="format"):
        schema("xml")


def test_show_lists_the_defaults_with_a_name_and_a_value_on_each_line() -> None:
    rows = [line.split() for line in described().splitlines()]

    assert rows == [["temperature", "0.2"], ["top_p", "0.9"], ["repeat_penalty", "1.1"]]
