"""The objectives of docs/OBSERVABILITY_IMPLEMENTATION.md: are they met, and how fast is their budget used up."""

from .panels import Board, Lines, Number, Section, Steps

ANSWERED = 0.99
FIRST_WORDS = 0.95
_BUDGET: Steps = {0.0: "red", 0.25: "orange", 0.5: "green"}
_UNANSWERED = "sum(increase(llm_exhausted_total[$__range])) / (sum(increase(chat_requests_total[$__range])) > 0)"
_LATE = (
    '(1 - sum(increase(chat_time_to_first_token_seconds_bucket{le="8.0"}[$__range])) '
    "/ (sum(increase(chat_time_to_first_token_seconds_count[$__range])) > 0))"
)


def _burn(indicator: str, objective: float) -> dict[str, str]:
    return {
        window: f"novacore:{indicator}:ratio_rate{window} / {1 - objective:.2f}"
        for window in ("5m", "30m", "1h", "6h")
    }


OBJECTIVES = Board(
    uid="novacore-slo",
    title="NovaCore: objectives",
    about="Are the objectives met over the chosen time, and how fast is their error budget used up.",
    span="30d",
    sections=[
        Section(
            f"{ANSWERED:.0%} of the chats are answered",
            [
                Number(
                    "Answered",
                    f"1 - {_UNANSWERED}",
                    "Over the chosen time.",
                    unit="percentunit",
                    steps={0.0: "red", ANSWERED: "green"},
                    empty="no chats",
                ),
                Number(
                    "Budget left",
                    f"1 - ({_UNANSWERED}) / {1 - ANSWERED:.2f}",
                    "Of the chats that may go unanswered in the chosen time; below zero the objective is missed.",
                    unit="percentunit",
                    steps=_BUDGET,
                    empty="no chats",
                ),
                Lines(
                    "Burn rate",
                    _burn("chats_unanswered", ANSWERED),
                    "At 1 the budget lasts exactly as long as the objective's 30 days.",
                ),
                Lines(
                    "Unanswered",
                    {"an hour": "sum(increase(llm_exhausted_total[1h]))"},
                    "Chats that no provider answered in the hour before.",
                ),
            ],
        ),
        Section(
            f"{FIRST_WORDS:.0%} of the answers begin within eight seconds",
            [
                Number(
                    "Within eight seconds",
                    f"1 - {_LATE}",
                    "Over the chosen time.",
                    unit="percentunit",
                    steps={0.0: "red", FIRST_WORDS: "green"},
                    empty="no chats",
                ),
                Number(
                    "Budget left",
                    f"1 - {_LATE} / {1 - FIRST_WORDS:.2f}",
                    "Of the answers that may begin late in the chosen time; below zero the objective is missed.",
                    unit="percentunit",
                    steps=_BUDGET,
                    empty="no chats",
                ),
                Lines(
                    "Burn rate",
                    _burn("first_words_late", FIRST_WORDS),
                    "An alert fires from 14.4 on over an hour, and from 6 on over six hours.",
                ),
                Lines(
                    "First words",
                    {
                        "95 %": "histogram_quantile(0.95, sum by (le) "
                        "(rate(chat_time_to_first_token_seconds_bucket[1h])))"
                    },
                    "95 % of the answers of the hour before began sooner.",
                    unit="s",
                ),
            ],
        ),
        Section(
            "Fallbacks",
            [
                Lines(
                    "Share of fallbacks",
                    {
                        "half an hour": "novacore:fallbacks:ratio_increase30m",
                        "a day": "novacore:fallbacks:ratio_increase1d",
                    },
                    "Answers that came from another than the first choice; an alert fires at twice the usual.",
                    unit="percentunit",
                    most=1,
                ),
            ],
        ),
    ],
)
