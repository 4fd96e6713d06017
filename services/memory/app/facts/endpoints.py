"""The facts of the user on whose behalf a service calls."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from novakit.facts import FACTS_PATH, Fact, NewFact, Place
from novakit.ids import NewId
from novakit.openapi import INNER_PROBLEMS, Responses, problems
from novakit.problem import Problem
from sqlalchemy import RowMapping

from ..caller import UserId
from .repository import BadCursorError, FactsRepository, Telling, TooManyFactsError
from .schemas import (
    MOST_FACTS,
    QUERY_CHARS,
    Deleted,
    FactList,
    LearntFact,
    Question,
    Recalled,
    Recollection,
)

NO_FACT = "There is no such fact."
TOO_MANY = f"{MOST_FACTS} facts are remembered for you, and no more are kept: delete some first."
_REMEMBERING: Responses = {
    200: {"model": Fact, "description": "These words were known."},
    **problems({409: TOO_MANY}),
}


def router(repository: FactsRepository, *, wall: Callable[[], float], new_id: NewId) -> APIRouter:
    """The routes. ``/internal`` is for services alone: the gateway forwards nothing to it."""
    routes = APIRouter(tags=["facts"], responses=INNER_PROBLEMS)

    @routes.get(FACTS_PATH)
    async def list_facts(
        user_id: UserId,
        q: Annotated[str | None, Query(max_length=QUERY_CHARS)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: str | None = None,
    ) -> FactList:
        """List what is remembered, the newest first; ``q`` looks for the beginnings of words."""
        try:
            page = await repository.page(user_id, limit=limit, cursor=cursor, query=q)
        except BadCursorError:
            raise Problem(422, "cursor: it is not one that this list has given.") from None
        return FactList(facts=[_fact(row) for row in page.rows], total=page.total, next_cursor=page.next_cursor)

    @routes.post(FACTS_PATH, status_code=201, responses=_REMEMBERING)
    async def remember_fact(user_id: UserId, wanted: NewFact, response: Response) -> Fact:
        """Remember something. The same words are kept once: 200 where they were known.

        Whoever calls knows whether the user allows the cloud now.
        """
        return await remembered(user_id, Telling(wanted.text, wanted.local_only, int(wall() * 1_000_000)), response)

    @routes.delete(f"{FACTS_PATH}/{{fact_id}}", status_code=204, responses=problems({404: NO_FACT}))
    async def forget_fact(user_id: UserId, fact_id: UUID) -> None:
        """Forget one fact, for good."""
        if not await repository.forget(user_id, str(fact_id)):
            raise Problem(404, NO_FACT)

    @routes.delete(FACTS_PATH)
    async def forget_facts(user_id: UserId) -> Deleted:
        """Forget everything, for good."""
        return Deleted(deleted=await repository.forget(user_id))

    @routes.post("/internal/facts", status_code=201, responses=_REMEMBERING)
    async def learn_fact(user_id: UserId, learnt: LearntFact, response: Response) -> Fact:
        """Remember what was told in a chat."""
        telling = Telling(
            learnt.text, learnt.local_only, learnt.told_at, str(learnt.session_id), str(learnt.message_id)
        )
        return await remembered(user_id, telling, response)

    @routes.post("/internal/facts/recall")
    async def recall_facts(user_id: UserId, question: Question) -> Recollection:
        """Give the facts that match a question best."""
        rows = await repository.recall(user_id, question.text, question.limit)
        return Recollection(
            facts=[
                Recalled(text=row["text"], local_only=row["local_only"], session_id=row["session_id"]) for row in rows
            ]
        )

    async def remembered(user_id: str, telling: Telling, response: Response) -> Fact:
        fact_id = new_id()
        try:
            row = await repository.remember(fact_id, user_id, telling)
        except TooManyFactsError:
            raise Problem(409, TOO_MANY) from None
        if row["id"] != fact_id:
            response.status_code = 200
        return _fact(row)

    return routes


def _fact(row: RowMapping) -> Fact:
    return Fact(
        id=row["id"],
        text=row["text"],
        local_only=row["local_only"],
        told_in=None if row["session_id"] is None else Place(**row),
        created_at=datetime.fromtimestamp(row["created_at"] / 1_000_000, UTC),
    )
