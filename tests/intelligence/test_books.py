"""What is written down of an answer, in the ledger's own units."""

from zoneinfo import ZoneInfo

from services.intelligence.app.services.quotas.books import Account, Books
from services.intelligence.app.services.quotas.days import Days
from services.intelligence.app.services.quotas.users import UserQuotas
from services.intelligence.app.services.stored_route import CallRecord
from tests.support.databases import BOTH, Portable

WALL = 1_800_000_000.5


@BOTH
def test_money_is_written_in_billionths_so_that_the_smallest_call_is_not_free(connection: Portable) -> None:
    days = Days(ZoneInfo("Asia/Tokyo"))
    books = Books(UserQuotas({}, days, lambda: WALL, lambda: "id"), days, lambda: WALL)
    call = CallRecord(1, "openai", "gpt-5-nano", "cloud", True, 0, "succeeded", input_tokens=1, cost_usd=5e-8)
    under_way = CallRecord(2, "x", "m", "cloud", True, 0, cost_usd=None)
    books.close(connection, Account("r", None, "u", (call, under_way), None, answered=True))
    rows = connection.execute("SELECT provider, outcome, nano_usd, at, day FROM ledger ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("openai", "succeeded", 50, 1_800_000_000_500_000, "2027-01-15"),
        ("x", "cancelled", None, 1_800_000_000_500_000, "2027-01-15"),
    ]
