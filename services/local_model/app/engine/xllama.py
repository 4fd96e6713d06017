"""The engine: llama.cpp's server core in this process, through xllamacpp.

What was seen of this engine, and why the code is as it is:

* ``Server(...)`` and its end hold the interpreter's lock; ``handle_*`` release it, and take it to call back.
* A server that ends before its loop has run waits for it for ever. A first token at load rules that out.
* Without ``return_progress`` nothing can stop it while it reads a prompt; with it, it asks at every batch.
* It always opens an HTTP server of its own on loopback. A random key shuts that.
* A callback that raises is ignored; it stops the engine with the value that it returns.
"""

import ctypes
import gc
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .chunks import Collector
from .engine import Emit, EngineError, Finished, Job, JobRefusedError, LoadFailedError, Sampling
from .library import ENGINE_LIBRARY, NO_LIBRARY

BATCH_TOKENS = 64
"""How many tokens of a prompt are read between two looks at whether the answer is still wanted: about 0.3 s."""
PROMPT_CACHE_MIB = 64


@dataclass(frozen=True, slots=True)
class Shape:
    """How the model is loaded. Each slot has the whole ``context`` (in tokens) to itself."""

    path: Path
    context: int
    slots: int
    threads: int
    batch_threads: int


class XllamaEngine:
    """One GGUF model."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._server: Any = None

    def load(self) -> None:
        """Load the model and let it write one token; raises LoadFailedError."""
        try:
            import xllamacpp  # noqa: PLC0415 (30 MB and 0.2 s that an idle service does not need)

            server = xllamacpp.Server(_parameters(xllamacpp, self._shape))
            server.handle_completions({"prompt": "a", "n_predict": 1})
        except ImportError as error:
            raise LoadFailedError(NO_LIBRARY if ENGINE_LIBRARY in str(error) else f"ImportError: {error}") from error
        except (RuntimeError, ValueError, MemoryError) as error:
            raise LoadFailedError(f"{type(error).__name__}: {error}") from error
        self._server = server

    def unload(self) -> None:
        """Drop the model, and hand the heap's free pages back to the system."""
        self._server = None
        gc.collect()
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)

    def run(self, job: Job, emit: Emit) -> Finished | None:
        """Write one answer; None where ``emit`` ended it. Raises EngineError."""
        server = self._server
        if server is None:
            raise EngineError("the model is not loaded")
        collector = Collector(emit)
        settings = _settings(job, self._shape.context)
        try:
            if isinstance(job.prompt, str):
                server.handle_completions({"prompt": job.prompt, **settings}, collector)
            else:
                turns = [{"role": turn.role, "content": turn.content} for turn in job.prompt]
                server.handle_chat_completions({"messages": turns, **settings}, collector)
        except (RuntimeError, ValueError):
            # Its text may quote the prompt or the schema.
            raise JobRefusedError("the engine cannot follow these messages, options or format") from None
        return collector.result()


def _parameters(xllamacpp: Any, shape: Shape) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = str(shape.path)
    params.n_ctx = shape.context * shape.slots
    params.n_parallel = shape.slots
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.cpuparams.n_threads = shape.threads
    params.cpuparams_batch.n_threads = shape.batch_threads
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.fit_params = False
    params.warmup = False
    params.verbosity = -1
    params.port = 0
    params.n_threads_http = 1
    params.api_keys = [secrets.token_hex(32)]
    params.ui = False
    params.endpoint_slots = False
    return params


def _settings(job: Job, context: int) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "stream": True,
        "return_progress": True,
        "stream_options": {"include_usage": True},
        **_sampling(job.sampling, context),
    }
    if job.schema is not None:
        settings["json_schema"] = dict(job.schema)
    return settings


def _sampling(sampling: Sampling, context: int) -> dict[str, Any]:
    return {
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "typical_p": sampling.typical_p,
        "repeat_last_n": context if sampling.repeat_last_n < 0 else sampling.repeat_last_n,
        "repeat_penalty": sampling.repeat_penalty,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "stop": list(sampling.stop),
        # -1 is a random seed, and an answer without a bound but the context's.
        "seed": -1 if sampling.seed is None else sampling.seed,
        "n_predict": -1 if sampling.max_tokens is None else sampling.max_tokens,
    }
