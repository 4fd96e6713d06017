"""Ollama's ``options`` and ``format``, mapped to what the engine understands. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ..engine.engine import Sampling

_INT32 = 2**31 - 1
_UINT32 = 2**32 - 1
Integer = int | float | None


class OptionsError(ValueError):
    """A value that no answer can be written with; the message names the option."""


class Options(msgspec.Struct):
    """The options of Ollama that have a type to check; all others are ignored, as Ollama does.

    A whole number may be written as 10.0, as in Ollama. The options from ``num_ctx`` on decide how a model is loaded:
    they are read, and never cause it to be loaded anew.
    """

    temperature: float | None = None
    top_k: Integer = None
    top_p: float | None = None
    min_p: float | None = None
    typical_p: float | None = None
    repeat_last_n: Integer = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    seed: Integer = None
    num_predict: Integer = None
    num_keep: Integer = None
    stop: list[str] | None = None
    num_ctx: Integer = None
    num_batch: Integer = None
    num_gpu: Integer = None
    main_gpu: Integer = None
    num_thread: Integer = None
    use_mmap: bool | None = None


def sampling(options: Options | None) -> Sampling:
    """The sampling that these options ask for, with this model's defaults for the rest; raises OptionsError."""
    asked = options or Options()
    usual = Sampling()
    repeat_penalty = _number(asked.repeat_penalty, usual.repeat_penalty)
    if repeat_penalty <= 0:
        raise OptionsError('option "repeat_penalty" must be above 0')
    seed = _whole(asked.seed, -1, most=_UINT32)
    max_tokens = _whole(asked.num_predict, -1)
    return Sampling(
        temperature=_number(asked.temperature, usual.temperature),
        top_k=_whole(asked.top_k, usual.top_k),
        top_p=_number(asked.top_p, usual.top_p),
        min_p=_number(asked.min_p, usual.min_p),
        typical_p=_number(asked.typical_p, usual.typical_p),
        repeat_last_n=max(-1, _whole(asked.repeat_last_n, usual.repeat_last_n)),
        repeat_penalty=repeat_penalty,
        presence_penalty=_number(asked.presence_penalty, usual.presence_penalty),
        frequency_penalty=_number(asked.frequency_penalty, usual.frequency_penalty),
        seed=seed if seed >= 0 else None,
        max_tokens=max_tokens if max_tokens > 0 else None,
        stop=tuple(text for text in asked.stop or () if text),
    )


def schema(answer_format: str | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The JSON schema that ``format`` asks for, None where it asks for none; raises OptionsError."""
    if isinstance(answer_format, Mapping):
        return answer_format
    if not answer_format:
        return None
    if answer_format == "json":
        return {"type": "object"}
    raise OptionsError('format must be "json" or a JSON schema')


def described() -> str:
    """This model's defaults as ``/api/show`` lists them: a name and a value on each line."""
    usual = Sampling()
    shown = ("temperature", "top_p", "repeat_penalty")
    return "\n".join(f"{name:<30} {getattr(usual, name)}" for name in shown)


def _number(value: float | None, default: float) -> float:
    return default if value is None else float(value)


def _whole(value: Integer, default: int, most: int = _INT32) -> int:
    return default if value is None else max(-_INT32, min(int(value), most))
