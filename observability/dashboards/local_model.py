"""The local model: whichever it is as NovaCore sees it, and the built-in one from inside."""

from .panels import Board, Lines, Number, Section

_OF_LOCAL = 'and on (instance, provider) llm_provider_info{locality="local"}'

LOCAL_MODEL = Board(
    uid="novacore-local-model",
    title="NovaCore: local model",
    about="Whichever local model is used as NovaCore sees it; below, the built-in one from inside.",
    sections=[
        Section(
            "As NovaCore sees it",
            [
                Lines(
                    "Circuit",
                    {"{{provider}}": f"min by (provider) (llm_provider_health {_OF_LOCAL})"},
                    "1: closed, all is well. 0.5: half-open. 0: open, left alone.",
                    most=1,
                ),
                Lines(
                    "Share of answers",
                    {
                        "local": "sum(sum by (instance, provider) "
                        '(rate(llm_provider_requests_total{outcome="succeeded"}[$__rate_interval])) '
                        f"{_OF_LOCAL}) "
                        '/ (sum(rate(llm_provider_requests_total{outcome="succeeded"}[$__rate_interval])) > 0)'
                    },
                    "Answers that came from a local model.",
                    unit="percentunit",
                    most=1,
                ),
                Lines(
                    "Failures by reason",
                    {
                        "{{provider}}: {{reason}}": "sum by (provider, reason) "
                        f"(rate(llm_provider_failures_total[$__rate_interval]) {_OF_LOCAL}) > 0"
                    },
                    "connect_refused: it does not run. model_missing: it has not got the model.",
                    unit="reqps",
                ),
                Lines(
                    "Waiting",
                    {"{{provider}}": f"sum by (provider) (llm_queue_depth {_OF_LOCAL})"},
                    "Chats that wait for a place.",
                ),
                Lines(
                    "Tokens written a second and place",
                    {
                        "{{provider}}": "1 / histogram_quantile(0.5, sum by (le, provider) "
                        f"(rate(llm_inter_token_seconds_bucket[$__rate_interval]) {_OF_LOCAL}))"
                    },
                    "How fast one answer grows, by the median pause between its tokens.",
                    unit="ops",
                ),
                Lines(
                    "First words",
                    {
                        "{{provider}} 95 %": "histogram_quantile(0.95, sum by (le, provider) "
                        f"(rate(llm_time_to_first_token_seconds_bucket[$__rate_interval]) {_OF_LOCAL}))"
                    },
                    "Of one call, from when it was admitted.",
                    unit="s",
                ),
            ],
        ),
        Section(
            "The built-in model (empty where an Ollama is used)",
            [
                Number(
                    "In memory",
                    "max(local_model_loaded)",
                    "1 while the model is loaded.",
                    steps={0.0: "blue", 1.0: "green"},
                    empty="not used",
                ),
                Number(
                    "Loads that failed",
                    "sum(increase(local_model_load_failures_total[$__range]))",
                    "In the chosen time.",
                    steps={0.0: "green", 1.0: "red"},
                    empty="not used",
                ),
                Lines(
                    "Requests",
                    {
                        "{{route}} {{outcome}}": "sum by (route, outcome) "
                        "(rate(local_model_requests_total[$__rate_interval]))"
                    },
                    "busy: turned away, since the queue was full. refused: the request's own fault.",
                    unit="reqps",
                    stacked=True,
                ),
                Lines(
                    "Slots and queue",
                    {
                        "slots taken": "sum(local_model_slots_busy)",
                        "waiting": "sum(local_model_queue_waiting)",
                    },
                    "LOCAL_MODEL_SLOTS answers are written at once.",
                ),
                Lines(
                    "Tokens",
                    {"{{direction}}": "sum by (direction) (rate(local_model_tokens_total[$__rate_interval]))"},
                    "Read and written a second.",
                    unit="ops",
                ),
                Lines(
                    "First words",
                    {
                        "95 %": "histogram_quantile(0.95, sum by (le) "
                        "(rate(local_model_time_to_first_token_seconds_bucket[$__rate_interval])))"
                    },
                    "From a request's arrival, its wait and the load included.",
                    unit="s",
                ),
                Lines(
                    "Loading",
                    {
                        "mean": "sum(rate(local_model_load_seconds_sum[$__range])) "
                        "/ (sum(rate(local_model_load_seconds_count[$__range])) > 0)"
                    },
                    "How long it takes to load the model, over the chosen time.",
                    unit="s",
                ),
                Lines(
                    "Memory of its process",
                    {"resident": 'max(process_resident_memory_bytes{service="local_model"})'},
                    "LOCAL_MODEL_MEMORY_MB caps what is private of it.",
                    unit="bytes",
                ),
            ],
        ),
    ],
)
