"""The door, and the processes behind it."""

from .panels import Board, Lines, Number, Section

GATEWAY = Board(
    uid="novacore-gateway",
    title="NovaCore: gateway and services",
    about="The door, and the processes behind it.",
    sections=[
        Section(
            "The door",
            [
                Lines(
                    "Requests",
                    {
                        "{{route}} {{status}}": "sum by (route, status) "
                        "(rate(gateway_requests_total[$__rate_interval])) > 0"
                    },
                    "499: the client left first.",
                    unit="reqps",
                    stacked=True,
                ),
                Lines(
                    "Errors",
                    {
                        "{{route}}": 'sum by (route) (rate(gateway_requests_total{status=~"5.."}[$__rate_interval])) '
                        "/ (sum by (route) (rate(gateway_requests_total[$__rate_interval])) > 0)"
                    },
                    "The share of answers with a status from 500 on.",
                    unit="percentunit",
                    most=1,
                ),
                Lines(
                    "Time of an answer",
                    {
                        "{{route}} 95 %": "histogram_quantile(0.95, sum by (le, route) "
                        "(rate(gateway_request_seconds_bucket[$__rate_interval])))"
                    },
                    "To the end of the answer: that of a stream is as long as the stream.",
                    unit="s",
                    exemplars=True,
                ),
                Lines(
                    "Under way",
                    {
                        "requests": "sum(gateway_requests_in_flight)",
                        "streams {{route}}": "sum by (route) (chat_open_streams)",
                    },
                    "Requests at the door, and streams that are read.",
                ),
                Lines(
                    "Sign-ins",
                    {
                        "{{way}} {{outcome}}": "sum by (way, outcome) "
                        "(increase(gateway_sign_ins_total[$__rate_interval])) > 0"
                    },
                    "throttled: too many attempts from one place.",
                ),
                Lines(
                    "Refresh tokens",
                    {
                        "{{outcome}}": "sum by (outcome) "
                        "(increase(gateway_token_refreshes_total[$__rate_interval])) > 0"
                    },
                    "reused: a token that had been replaced; its sign-in was ended.",
                ),
                Lines(
                    "Refused by the rate limit",
                    {"chats": "sum(rate(gateway_rate_limited_total[$__rate_interval]))"},
                    "RATE_LIMIT_PER_MINUTE.",
                    unit="reqps",
                ),
            ],
        ),
        Section(
            "Behind it",
            [
                Lines(
                    "Services that answer",
                    {"{{target}}": "min by (target) (novacore_service_up)"},
                    "1: it answered when the gateway asked for its metrics. Empty where each service is scraped.",
                    most=1,
                ),
                Lines(
                    "Failures behind the door",
                    {
                        "{{upstream}}: {{reason}}": "sum by (upstream, reason) "
                        "(rate(gateway_upstream_failures_total[$__rate_interval]))"
                    },
                    "Calls that the gateway could not pass on.",
                    unit="reqps",
                ),
                Lines(
                    "Questions to memory",
                    {
                        "{{call}} {{outcome}}": "sum by (call, outcome) "
                        "(rate(memory_calls_total[$__rate_interval])) > 0"
                    },
                    "What intelligence asks memory; a chat never waits longer than its deadline.",
                    unit="reqps",
                ),
                Lines(
                    "Time of memory's answers",
                    {
                        "{{call}} 95 %": "histogram_quantile(0.95, sum by (le, call) "
                        "(rate(memory_call_seconds_bucket[$__rate_interval])))"
                    },
                    "As intelligence sees it.",
                    unit="s",
                ),
                Lines(
                    "Requests of memory",
                    {
                        "{{route}} {{status}}": "sum by (route, status) "
                        "(rate(memory_requests_total[$__rate_interval])) > 0"
                    },
                    "As memory counts them.",
                    unit="reqps",
                ),
                Lines(
                    "Time of memory's requests",
                    {
                        "{{route}} 95 %": "histogram_quantile(0.95, sum by (le, route) "
                        "(rate(memory_request_seconds_bucket[$__rate_interval])))"
                    },
                    "As memory measures it.",
                    unit="s",
                ),
            ],
        ),
        Section(
            "Processes",
            [
                Lines(
                    "Memory",
                    {"{{service}}": "max by (service) (process_resident_memory_bytes)"},
                    "Resident memory of each process.",
                    unit="bytes",
                ),
                Lines(
                    "Processor",
                    {"{{service}}": "sum by (service) (rate(process_cpu_seconds_total[$__rate_interval]))"},
                    "Cores in use.",
                ),
                Lines(
                    "Open files",
                    {"{{service}}": "max by (service) (process_open_fds / process_max_fds)"},
                    "As a share of what each process may have.",
                    unit="percentunit",
                    most=1,
                ),
                Lines(
                    "Disk left",
                    {"{{service}}": "min by (service) (novacore_data_free_bytes / novacore_data_size_bytes)"},
                    "Of the file system that holds NOVACORE_DATA_DIR.",
                    unit="percentunit",
                    most=1,
                ),
                Lines(
                    "Versions",
                    {
                        "{{service}} {{version}} {{revision}}": (
                            "count by (service, version, revision) (novacore_build_info)"
                        )
                    },
                    "Processes by what they run.",
                ),
                Number(
                    "Since the last start",
                    "time() - max(process_start_time_seconds)",
                    "Of whichever process was started last.",
                    unit="s",
                ),
            ],
        ),
    ],
)
