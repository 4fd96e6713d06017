"""The body of ``POST /v1/chat/completions``: what is understood, and what is turned down by name. Pure."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from novakit.compatible import CompatibleError

from ..domain.chat import ChatTurn, Role, Sampling

ROLES: dict[str, Role] = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
MOST_STOPS = 4
MOST_MODELS = 16
LONGEST_MODEL = 200
MOST_TOKENS = 2**31 - 1
SEEDS = (-(2**63), 2**63 - 1)
RANGES = {"temperature": (0, 2), "top_p": (0, 1), "frequency_penalty": (-2, 2), "presence_penalty": (-2, 2)}

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "n": (1,),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
    "web_search_options": (),
    "reasoning_effort": (),
    "verbosity": ("medium",),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "moderation": (),
    "store": (False,),
    "service_tier": ("auto", "default"),
}
"""Parameters that not every provider has, each with the values that ask for nothing. Others would be ignored by
some, and the caller would not know: they are turned down."""


class ContentPart(msgspec.Struct):
    """A piece of a message; text and refusal are the types that are understood."""

    type: str
    text: str | None = None
    refusal: str | None = None


class CompletionMessage(msgspec.Struct, forbid_unknown_fields=True):
    """One message, as OpenAI's API has it; what speaks of tools or sound must be empty."""

    role: str
    content: str | list[ContentPart] | None = None
    name: Any = None
    refusal: str | None = None
    tool_calls: Any = None
    tool_call_id: Any = None
    function_call: Any = None
    audio: Any = None
    annotations: Any = None


class StreamOptions(msgspec.Struct):
    """What a stream tells beside the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class CompletionRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What to answer and how, as OpenAI's API has it."""

    messages: list[CompletionMessage]
    model: str | None = None
    models: list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    stop: str | list[str] | None = None
    top_p: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    user: str | None = None
    # Labels for the provider's own books: they change no answer, and are not passed on.
    metadata: dict[str, Any] | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    tools: Any = None
    tool_choice: Any = None
    functions: Any = None
    function_call: Any = None
    n: Any = None
    response_format: Any = None
    modalities: Any = None
    audio: Any = None
    prediction: Any = None
    web_search_options: Any = None
    reasoning_effort: Any = None
    verbosity: Any = None
    logprobs: Any = None
    top_logprobs: Any = None
    logit_bias: Any = None
    moderation: Any = None
    store: Any = None
    service_tier: Any = None


_decode = msgspec.json.Decoder(CompletionRequest).decode


@dataclass(frozen=True, slots=True)
class CompletionBody:
    """A valid body. ``models`` are the names that the caller gave, in order, at least one."""

    models: tuple[str, ...]
    turns: tuple[ChatTurn, ...]
    sampling: Sampling
    stream: bool
    with_usage: bool
    user: str


def read_completion(raw: bytes) -> CompletionBody:
    """The body's values; raises CompatibleError 400 with the parameter that is wrong."""
    try:
        body = _decode(raw)
    except msgspec.ValidationError as error:
        raise CompatibleError(400, f"The body cannot be used: {error}.", code="invalid_value") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CompatibleError(400, "The body is not JSON in UTF-8.", code="invalid_json") from None
    except RecursionError:
        raise CompatibleError(400, "The body is nested too deeply.", code="invalid_json") from None
    for parameter, neutral in NEUTRAL.items():
        value = getattr(body, parameter)
        if value is not None and value not in neutral:
            raise _unsupported(parameter, neutral)
    stream = bool(body.stream)
    if body.stream_options is not None and not stream:
        raise _wrong("stream_options", "stream_options needs stream to be true.")
    return CompletionBody(
        models=_models(body),
        turns=_turns(body.messages),
        sampling=_sampling(body),
        stream=stream,
        with_usage=bool(body.stream_options is not None and body.stream_options.include_usage),
        user=body.user or "",
    )


def _models(body: CompletionRequest) -> tuple[str, ...]:
    models = body.models or []
    if len(models) > MOST_MODELS:
        raise _wrong("models", f"models has {len(models)} names; it takes up to {MOST_MODELS}.")
    for parameter, given in (("model", [body.model or ""]), ("models", models)):
        if any(len(name) > LONGEST_MODEL for name in given):
            raise _wrong(parameter, f"The name of a model in {parameter} is longer than {LONGEST_MODEL} characters.")
    names = [*([body.model] if body.model else []), *models]
    if not names:
        raise _wrong("model", "model is missing; GET /v1/models lists what there is, and auto lets NovaCore choose.")
    return tuple(dict.fromkeys(names))


def _turns(messages: list[CompletionMessage]) -> tuple[ChatTurn, ...]:
    turns = tuple(_turn(f"messages[{place}]", message) for place, message in enumerate(messages))
    if not any(turn.role != "system" and turn.text.strip() for turn in turns):
        raise _wrong("messages", "messages holds nothing to answer.")
    return turns


def _turn(where: str, message: CompletionMessage) -> ChatTurn:
    role = ROLES.get(message.role)
    if role is None:
        if message.role in {"tool", "function"}:
            raise _wrong(
                f"{where}.role", f"Tools are not supported: a message of the role {message.role} has no use."
            )
        raise _wrong(f"{where}.role", f"{message.role!r} is not a role; it must be of {', '.join(ROLES)}.")
    if message.tool_calls or message.function_call or message.tool_call_id:
        raise _wrong(where, "Tools are not supported: leave tool calls out of the messages.")
    if message.audio:
        raise _wrong(f"{where}.audio", "Audio is not supported; messages are text.")
    if message.name:
        raise _wrong(f"{where}.name", "Names of participants are not supported; write the name into the text.")
    return ChatTurn(role, _text(where, message))


def _text(where: str, message: CompletionMessage) -> str:
    content = message.content
    if content is None:
        if message.role == "assistant":
            return message.refusal or ""
        raise _wrong(f"{where}.content", "content is missing.")
    if isinstance(content, str):
        return content
    texts = []
    for place, part in enumerate(content):
        if part.type not in {"text", "refusal"}:
            raise _wrong(
                f"{where}.content[{place}].type",
                f"Content of the type {part.type!r} is not supported; messages are text.",
            )
        texts.append(part.text or part.refusal or "")
    return "".join(texts)


def _sampling(body: CompletionRequest) -> Sampling:
    for name, (least, most) in RANGES.items():
        value = getattr(body, name)
        if value is not None and not least <= value <= most:
            raise _wrong(name, f"{name} is {value:g}; it must be from {least} to {most}.")
    if body.seed is not None and not SEEDS[0] <= body.seed <= SEEDS[1]:
        raise _wrong("seed", f"seed is {body.seed}; it must be a whole number of 64 bits.")
    if body.max_tokens is not None and body.max_completion_tokens is not None:
        raise _wrong("max_tokens", "max_tokens and max_completion_tokens mean the same; send one of them.")
    limit: Literal["max_tokens", "max_completion_tokens"]
    limit = "max_tokens" if body.max_tokens is not None else "max_completion_tokens"
    longest = getattr(body, limit)
    if longest is not None and longest < 1:
        raise _wrong(limit, f"{limit} is {longest}; it must be at least 1.")
    if longest is not None and longest > MOST_TOKENS:
        # It is not told: it may have thousands of digits.
        raise _wrong(limit, f"{limit} is too large; it must be at most {MOST_TOKENS}.")
    stop = [body.stop] if isinstance(body.stop, str) else body.stop or []
    if len(stop) > MOST_STOPS or not all(stop):
        raise _wrong("stop", f"stop takes up to {MOST_STOPS} texts, none of them empty.")
    return Sampling(
        temperature=body.temperature,
        max_tokens=longest,
        stop=tuple(stop),
        # What is the default anyway asks for nothing: some models turn down even that.
        top_p=None if body.top_p == 1 else body.top_p,
        seed=body.seed,
        frequency_penalty=body.frequency_penalty or None,
        presence_penalty=body.presence_penalty or None,
    )


def _unsupported(parameter: str, neutral: tuple[Any, ...]) -> CompatibleError:
    allowed = " or ".join(msgspec.json.encode(value).decode() for value in neutral)
    unless = f" or send {allowed}" if allowed else ""
    return CompatibleError(
        400,
        f"{parameter} is not supported here; leave it out{unless}.",
        code="unsupported_parameter",
        param=parameter,
    )


def _wrong(param: str, sentence: str) -> CompatibleError:
    return CompatibleError(400, sentence, code="invalid_value", param=param)
