"""How each provider does: health, failures, times, load."""

from .panels import Board, Lines, Section


def _quantile(share: float, metric: str, by: str = "provider") -> str:
    return f"histogram_quantile({share}, sum by (le, {by}) (rate({metric}_bucket[$__rate_interval])))"


PROVIDERS = Board(
    uid="novacore-providers",
    title="NovaCore: providers",
    about="How each provider does: health, failures, times, load.",
    sections=[
        Section(
            "Health",
            [
                Lines(
                    "Circuits",
                    {"{{provider}}": "min by (provider) (llm_provider_health)"},
                    "1: closed, all is well. 0.5: half-open, one probe at a time. 0: open, left alone.",
                    most=1,
                ),
                Lines(
                    "Circuits opened",
                    {
                        "{{provider}}: {{reason}}": "sum by (provider, reason) "
                        "(increase(llm_circuit_openings_total[$__rate_interval])) > 0"
                    },
                    "How often a circuit was opened, and by what.",
                ),
                Lines(
                    "Left out",
                    {
                        "{{provider}}: {{reason}}": "sum by (provider, reason) "
                        "(rate(llm_skips_total[$__rate_interval])) > 0"
                    },
                    "Providers that were not asked for a chat, and why.",
                    unit="reqps",
                ),
            ],
        ),
        Section(
            "Calls",
            [
                Lines(
                    "Calls by outcome",
                    {
                        "{{provider}} {{outcome}}": "sum by (provider, outcome) "
                        "(rate(llm_provider_requests_total[$__rate_interval])) > 0"
                    },
                    "Upstream calls, retries and hedges included.",
                    unit="reqps",
                ),
                Lines(
                    "Failures by reason",
                    {
                        "{{provider}}: {{reason}}": "sum by (provider, reason) "
                        "(rate(llm_provider_failures_total[$__rate_interval])) > 0"
                    },
                    "The reasons are those of an answer's route.",
                    unit="reqps",
                ),
                Lines(
                    "Models",
                    {
                        "{{provider}} {{model}}": "sum by (provider, model) "
                        "(rate(llm_provider_requests_total[$__rate_interval])) > 0"
                    },
                    "Calls by model; models that callers named themselves share one line.",
                    unit="reqps",
                ),
                Lines(
                    "Handoffs",
                    {
                        "{{from}} → {{to}} {{outcome}}": "sum by (from, to, outcome) "
                        "(rate(llm_handoffs_total[$__rate_interval])) > 0"
                    },
                    "Answers that broke after their first words and went on elsewhere.",
                    unit="reqps",
                ),
                Lines(
                    "Hedges",
                    {
                        "{{provider}} {{outcome}}": "sum by (provider, outcome) "
                        "(rate(llm_hedges_total[$__rate_interval])) > 0"
                    },
                    "Second providers that were asked beside a slow first one (LLM_FALLBACK_MODE=hedged).",
                    unit="reqps",
                ),
                Lines(
                    "Frames that were skipped",
                    {"{{provider}}": "sum by (provider) (rate(llm_skipped_frames_total[$__rate_interval]))"},
                    "Frames of a stream that could not be read.",
                    unit="ops",
                ),
            ],
        ),
        Section(
            "Times",
            [
                Lines(
                    "First words",
                    {
                        "{{provider}} median": _quantile(0.5, "llm_time_to_first_token_seconds"),
                        "{{provider}} 95 %": _quantile(0.95, "llm_time_to_first_token_seconds"),
                    },
                    "Of one call, from when it was admitted.",
                    unit="s",
                    exemplars=True,
                ),
                Lines(
                    "Between tokens",
                    {
                        "{{provider}} median": _quantile(0.5, "llm_inter_token_seconds"),
                        "{{provider}} 95 %": _quantile(0.95, "llm_inter_token_seconds"),
                    },
                    "How long a token is waited for.",
                    unit="s",
                ),
                Lines(
                    "Whole calls",
                    {
                        "{{provider}} median": _quantile(0.5, "llm_provider_latency_seconds"),
                        "{{provider}} 95 %": _quantile(0.95, "llm_provider_latency_seconds"),
                    },
                    "One call from its beginning to its end.",
                    unit="s",
                    exemplars=True,
                ),
            ],
        ),
        Section(
            "Load",
            [
                Lines(
                    "Places taken",
                    {
                        "{{provider}}": "sum by (provider) (llm_provider_in_flight) "
                        "/ sum by (provider) (llm_provider_concurrency_limit)"
                    },
                    "Calls under way, as a share of LLM_PROVIDER_CONCURRENCY.",
                    unit="percentunit",
                    most=1,
                ),
                Lines(
                    "Waiting",
                    {"{{provider}}": "sum by (provider) (llm_queue_depth)"},
                    "Chats that wait for a place.",
                ),
                Lines(
                    "Queue used",
                    {"{{provider}}": "max by (provider) (llm_queue_depth / llm_queue_limit)"},
                    "At 1 whoever comes is turned away at once.",
                    unit="percentunit",
                    most=1,
                ),
                Lines(
                    "Wait for a place",
                    {"{{provider}} {{outcome}}": _quantile(0.95, "llm_queue_wait_seconds", "provider, outcome")},
                    "95 % of the waits are shorter. turned_away: it did not get a place in time.",
                    unit="s",
                ),
                Lines(
                    "Calls under way",
                    {"{{provider}}": "sum by (provider) (llm_provider_in_flight)"},
                    "Calls that are answered now.",
                ),
            ],
        ),
    ],
)
