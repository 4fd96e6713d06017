"""Is chat available, where do answers come from, what does it cost."""

from .panels import Board, Lines, Number, Section

OVERVIEW = Board(
    uid="novacore-overview",
    title="NovaCore",
    about="Is chat available, where do answers come from, and what does it cost.",
    sections=[
        Section(
            "Is chat available?",
            [
                Number(
                    "Answered",
                    "1 - (sum(increase(llm_exhausted_total[$__range])) "
                    "/ (sum(increase(chat_requests_total[$__range])) > 0))",
                    "The share of chats that some provider answered.",
                    unit="percentunit",
                    steps={0.0: "red", 0.95: "orange", 0.99: "green"},
                    empty="no chats",
                ),
                Number(
                    "First words within 8 s",
                    'sum(increase(chat_time_to_first_token_seconds_bucket{le="8.0"}[$__range])) '
                    "/ (sum(increase(chat_time_to_first_token_seconds_count[$__range])) > 0)",
                    "The share of answers that began within eight seconds, queue and failover included.",
                    unit="percentunit",
                    steps={0.0: "red", 0.9: "orange", 0.95: "green"},
                    empty="no chats",
                ),
                Number(
                    "Alerts",
                    'count(ALERTS{alertname=~"NovaCore.*", alertstate="firing"}) or vector(0)',
                    "Alerts that fire now; docs/OBSERVABILITY_IMPLEMENTATION.md says what to do about each.",
                    steps={0.0: "green", 1.0: "red"},
                ),
                Number(
                    "Providers that are well",
                    "count(max by (provider) (llm_provider_health) == 1) or vector(0)",
                    "Providers whose circuit is closed.",
                    steps={0.0: "red", 1.0: "green"},
                ),
                Number(
                    "Chats",
                    "sum(increase(chat_requests_total[$__range]))",
                    "Chats in the chosen time.",
                ),
                Number(
                    "Cost",
                    "sum(increase(llm_cost_usd_total[$__range]))",
                    "US dollars in the chosen time, by the published prices of the models that have one.",
                    unit="currencyUSD",
                ),
            ],
        ),
        Section(
            "Where do answers come from?",
            [
                Lines(
                    "Chats by how they ended",
                    {"{{status}}": "sum by (status) (rate(chat_requests_total[$__rate_interval]))"},
                    "fallback: no provider answered. interrupted: it broke off, or the reader left.",
                    unit="reqps",
                    stacked=True,
                ),
                Lines(
                    "Answers by provider",
                    {
                        "{{provider}}": "sum by (provider) "
                        '(rate(llm_provider_requests_total{outcome="succeeded"}[$__rate_interval]))'
                    },
                    "Calls that brought a whole answer.",
                    unit="reqps",
                    stacked=True,
                ),
                Lines(
                    "Local and cloud",
                    {
                        "{{locality}}": "sum by (locality) ("
                        'sum by (instance, provider) (rate(llm_provider_requests_total{outcome="succeeded"}'
                        "[$__rate_interval])) * on (instance, provider) group_left (locality) "
                        "max by (instance, provider, locality) (llm_provider_info))"
                    },
                    "Answers from machines that were declared local, and from the cloud.",
                    unit="reqps",
                    stacked=True,
                ),
                Lines(
                    "Fallbacks",
                    {
                        "{{from}} → {{to}}: {{reason}}": "sum by (from, to, reason) "
                        "(rate(llm_fallbacks_total[$__rate_interval])) > 0"
                    },
                    "Answers that came from another than the first choice, and why.",
                    unit="reqps",
                    stacked=True,
                ),
                Lines(
                    "First words",
                    {
                        "median": "histogram_quantile(0.5, sum by (le) "
                        "(rate(chat_time_to_first_token_seconds_bucket[$__rate_interval])))",
                        "95 %": "histogram_quantile(0.95, sum by (le) "
                        "(rate(chat_time_to_first_token_seconds_bucket[$__rate_interval])))",
                    },
                    "What a user waits for: from the message to the first words, queue and failover included.",
                    unit="s",
                    exemplars=True,
                ),
                Lines(
                    "Whole answers",
                    {
                        "median": "histogram_quantile(0.5, sum by (le) "
                        "(rate(chat_duration_seconds_bucket[$__rate_interval])))",
                        "95 %": "histogram_quantile(0.95, sum by (le) "
                        "(rate(chat_duration_seconds_bucket[$__rate_interval])))",
                    },
                    "From the message to the end of the answer.",
                    unit="s",
                    exemplars=True,
                ),
            ],
        ),
        Section(
            "What does it cost?",
            [
                Lines(
                    "Dollars an hour",
                    {"{{provider}}": "3600 * sum by (provider) (rate(llm_cost_usd_total[$__rate_interval]))"},
                    "By the published prices; a model without a known price counts nothing.",
                    unit="currencyUSD",
                    stacked=True,
                ),
                Lines(
                    "Tokens",
                    {
                        "{{provider}} {{direction}}": "sum by (provider, direction) "
                        "(rate(llm_tokens_total[$__rate_interval]))"
                    },
                    "Read and written a second, failed calls included.",
                    unit="ops",
                ),
                Lines(
                    "Budget left",
                    {"{{provider}} {{unit}}": "min by (provider, unit) (llm_quota_remaining_ratio)"},
                    "What is left of today's budgets (QUOTA_PROVIDER_…_PER_DAY); empty where none is set.",
                    unit="percentunit",
                    most=1,
                ),
            ],
        ),
    ],
)
