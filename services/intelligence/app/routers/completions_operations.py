"""The OpenAI-compatible endpoints, as OpenAPI tells them."""

from typing import Any

from novakit.openapi import COMPATIBLE

from ..services.completion_frames import ChatCompletion, ChatCompletionChunk
from .completion_body import (
    LONGEST_MODEL,
    MOST_MODELS,
    MOST_STOPS,
    MOST_TOKENS,
    NEUTRAL,
    RANGES,
    ROLES,
    SEEDS,
    CompletionMessage,
    CompletionRequest,
    ContentPart,
)
from .completions import COMPLETIONS_PATH, LOCAL_ONLY_HEADER, MODELS_PATH, ModelCard, ModelList
from .openapi import Events, Limits, Operation

LOCAL_ONLY = {
    "name": LOCAL_ONLY_HEADER.decode(),
    "in": "header",
    "description": "Any value but `false`: no cloud provider is asked.",
    "schema": {"type": "string"},
}

MODEL = {
    "name": "model",
    "in": "path",
    "required": True,
    "description": "A model's id; a slash in it may be written as it is.",
    "schema": {"type": "string", "minLength": 1},
}


_QUESTION = {"role": "user", "content": "Why is the sky blue?"}
_TEXT = {"type": "string", "minLength": 1}
_NOTHING_ELSE = "Not supported: takes only what asks for nothing."
_EMPTY: dict[str, Any] = {"enum": [None, False, 0, "", [], {}]}


_LIMITS: Limits = {
    CompletionRequest: {
        "properties": {
            "messages": {"minItems": 1},
            "model": {"maxLength": LONGEST_MODEL},
            "models": {"maxItems": MOST_MODELS, "items": {"type": "string", "maxLength": LONGEST_MODEL}},
            "seed": {"minimum": SEEDS[0], "maximum": SEEDS[1]},
            **{name: {"minimum": least, "maximum": most} for name, (least, most) in RANGES.items()},
            "max_tokens": {"minimum": 1, "maximum": MOST_TOKENS},
            "max_completion_tokens": {"minimum": 1, "maximum": MOST_TOKENS},
            "stop": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT, "maxItems": MOST_STOPS}, {"type": "null"}]},
            **{name: {"enum": [*values, None], "description": _NOTHING_ELSE} for name, values in NEUTRAL.items()},
        },
        "allOf": [
            {
                "anyOf": [
                    {"required": ["model"], "properties": {"model": _TEXT}},
                    {"required": ["models"], "properties": {"models": {"type": "array", "minItems": 1}}},
                ]
            },
            {"anyOf": [{"properties": {name: {"type": "null"}}} for name in ("max_tokens", "max_completion_tokens")]},
            {
                "anyOf": [
                    {"properties": {"stream_options": {"type": "null"}}},
                    {"required": ["stream"], "properties": {"stream": {"const": True}}},
                ]
            },
        ],
    },
    CompletionMessage: {
        "properties": {
            "role": {"enum": [*ROLES]},
            **dict.fromkeys(("name", "tool_calls", "tool_call_id", "function_call", "audio"), _EMPTY),
        },
        "anyOf": [
            {"properties": {"role": {"const": "assistant"}}},
            {"required": ["content"], "properties": {"content": {"type": ["string", "array"]}}},
        ],
    },
    ContentPart: {"properties": {"type": {"enum": ["text", "refusal"]}}},
}
"""What is checked after the types."""

OPERATIONS = (
    Operation(
        "post",
        COMPLETIONS_PATH,
        name="create_completion",
        tag="openai",
        summary="Answer messages: at once, or as chunks where `stream` is true.",
        parameters=(LOCAL_ONLY,),
        body=CompletionRequest,
        limits=_LIMITS,
        examples={
            "whole": {"model": "auto", "messages": [_QUESTION]},
            "streamed": {
                "model": "auto",
                "messages": [{"role": "system", "content": "Answer in one word."}, _QUESTION],
                "stream": True,
                "stream_options": {"include_usage": True},
            },
        },
        answers=(ChatCompletion, Events(default=(ChatCompletionChunk,), error=COMPATIBLE, text="[DONE]")),
        problems={
            400: "The request cannot be used, or a provider's content filter turned it down.",
            403: "The user has forbidden the cloud while a cloud provider was answering.",
            404: "There is no such model, or no key for it.",
            429: "The user's quota of this day is used up.",
            502: "The answer broke off, and nobody could go on with it.",
            503: "Nobody could answer.",
        },
        shape=COMPATIBLE,
    ),
    Operation(
        "get",
        MODELS_PATH,
        name="list_models",
        tag="openai",
        summary="List what `model` may be.",
        answers=(ModelList,),
        problems={},
        shape=COMPATIBLE,
    ),
    Operation(
        "get",
        f"{MODELS_PATH}/{{model}}",
        name="show_model",
        tag="openai",
        summary="Tell of one model.",
        parameters=(MODEL,),
        answers=(ModelCard,),
        problems={404: "There is no such model."},
        shape=COMPATIBLE,
    ),
)
