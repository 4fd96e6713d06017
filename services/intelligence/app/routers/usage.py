"""What was used, in tokens and money: for a user, and for admins of all users."""

import csv
import io
import re
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from novakit.openapi import INNER_PROBLEMS, problems
from novakit.problem import Problem
from pydantic import BaseModel, BeforeValidator

from ..services.quotas.users import subject_of
from ..store.ledger import NANO
from ..store.usage import Group, Sum
from .caller import CurrentAdmin, CurrentCaller
from .sessions import parts_of

GROUPS: tuple[Group, ...] = ("day", "user", "provider", "model", "locality")

router = APIRouter(tags=["usage"], responses=INNER_PROBLEMS)


def _written_as_day(value: object) -> object:
    # Pydantic takes numbers for seconds since 1970.
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("it must be a day such as 2026-01-31")
    return value


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
Day = Annotated[date, BeforeValidator(_written_as_day)]


class Used(BaseModel):
    """What some upstream calls used, failed ones too. The cost is without ``unpriced_calls``: no price is known."""

    calls: int
    failed_calls: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    unpriced_calls: int


class ProviderUsed(Used):
    """The same of one provider."""

    provider: str
    locality: str


class QuotaState(BaseModel):
    """One quota of the user's: how much a day, and how much of it is used or reserved today."""

    unit: Literal["messages", "tokens"]
    limit: int
    used: int
    remaining: int


class Usage(BaseModel):
    """A user's usage of today and of the month, by the days of ``timezone``. Quotas begin anew at ``resets_at``."""

    day: date
    timezone: str
    resets_at: str
    today: Used
    month: Used
    today_by_provider: list[ProviderUsed]
    quotas: list[QuotaState]


class UsageRow(Used):
    """What was used by one group; what the rows are not grouped by is null."""

    day: str | None = None
    user: str | None = None
    provider: str | None = None
    model: str | None = None
    locality: str | None = None


class UsageTable(BaseModel):
    """All of a range of days, both ends included."""

    first: date
    last: date
    rows: list[UsageRow]
    total: Used


@router.get("/api/usage")
async def usage(request: Request, caller: CurrentCaller) -> Usage:
    """Say what the caller has used, and what is left of the caller's quotas."""
    parts = parts_of(request)
    wall, days = parts.clock.wall(), parts.books.days
    day = days.of(wall)
    by_provider = await parts.usage.sums(first=day, last=day, groups=("provider", "locality"), user_id=caller.user_id)
    [today] = await parts.usage.sums(first=day, last=day, user_id=caller.user_id)
    [month] = await parts.usage.sums(first=f"{day[:8]}01", last=day, user_id=caller.user_id)
    used = await parts.usage.used(subject_of(caller.user_id), day=day, at=int(wall * 1_000_000))
    return Usage(
        day=date.fromisoformat(day),
        timezone=days.zone.key,
        resets_at=days.next_text(wall),
        today=Used(**_fields(today)),
        month=Used(**_fields(month)),
        today_by_provider=[
            ProviderUsed(provider=row.keys[0], locality=row.keys[1], **_fields(row)) for row in by_provider
        ],
        quotas=[
            QuotaState(unit=unit, limit=limit, used=used.get(unit, 0), remaining=max(0, limit - used.get(unit, 0)))
            for unit, limit in parts.books.users.limits.items()
            if unit != "nano_usd"
        ],
    )


@router.get(
    "/api/admin/usage",
    response_model=UsageTable,
    responses={
        **problems({403: "The caller is no admin."}),
        200: {"content": {"text/csv": {"schema": {"type": "string"}}}},
    },
)
async def usage_of_all(
    request: Request,
    _caller: CurrentAdmin,
    first: Annotated[Day | None, Query(description="the first day; by default that of this month")] = None,
    last: Annotated[Day | None, Query(description="the last day; by default today")] = None,
    group: Annotated[
        str, Query(description="day, user, provider, model, locality; several with commas")
    ] = "day,user",
    format: Annotated[Literal["json", "csv"], Query()] = "json",  # noqa: A002 (the name in the URL)
) -> UsageTable | Response:
    """Say what all users have used together, by groups."""
    parts = parts_of(request)
    today = date.fromisoformat(parts.books.days.of(parts.clock.wall()))
    groups = _groups(group)
    start, end = first or today.replace(day=1), last or today
    if start > end:
        raise Problem(422, "first: it is after last.")
    sums = await parts.usage.sums(first=start.isoformat(), last=end.isoformat(), groups=groups)
    [total] = await parts.usage.sums(first=start.isoformat(), last=end.isoformat())
    rows = [UsageRow(**_keys(groups, row), **_fields(row)) for row in sums]
    if format == "csv":
        return _csv(groups, rows, f"usage-{start}-{end}.csv")
    return UsageTable(first=start, last=end, rows=rows, total=Used(**_fields(total)))


def _groups(text: str) -> tuple[Group, ...]:
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    groups = tuple(group for name in wanted for group in GROUPS if group == name)
    if len(groups) != len(wanted) or len(set(groups)) != len(groups):
        raise Problem(422, f"group: it must be some of {', '.join(GROUPS)}, each once.")
    return groups


def _keys(groups: tuple[Group, ...], row: Sum) -> dict[str, Any]:
    return dict(zip(groups, row.keys, strict=True))


def _fields(row: Sum) -> dict[str, Any]:
    return {
        "calls": row.calls,
        "failed_calls": row.failed,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cost_usd": row.nano_usd / NANO,
        "unpriced_calls": row.unpriced,
    }


def _csv(groups: tuple[Group, ...], rows: list[UsageRow], name: str) -> Response:
    text = io.StringIO()
    writer = csv.DictWriter(text, [*groups, *Used.model_fields], extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        writer.writerow({field: _cell(value) for field, value in row.model_dump().items()})
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _cell(value: object) -> object:
    """A cell that no spreadsheet takes for a formula: model names are any text that a caller has sent."""
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value
