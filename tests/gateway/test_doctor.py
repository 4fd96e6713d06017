"""The gateway's look at its own set-up."""

from pathlib import Path

from novakit.clock import FakeClock
from novakit.findings import Finding

from services.gateway.app import doctor

SECRET = "s" * 32


async def look(folder: Path, **environ: str) -> list[Finding]:
    given = {"SERVICE_JWT_SECRET": SECRET, "JWT_SECRET": SECRET, "NOVACORE_DATA_DIR": str(folder), **environ}
    found = [finding async for finding in doctor.examine(given, FakeClock())]
    assert all(SECRET not in one.text + one.advice for one in found)
    return found


async def test_a_page_that_is_not_built_is_a_warning_with_what_to_do(tmp_path: Path) -> None:
    settings, database, page = await look(tmp_path, PAGE_DIR=str(tmp_path))
    assert (settings.level, database.level) == ("ok", "ok")
    assert page.level == "warning"
    assert "make setup" in page.advice
    (tmp_path / "index.html").touch()
    assert (await look(tmp_path, PAGE_DIR=str(tmp_path)))[2].text == "the page is built."


async def test_a_database_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "gateway.db").mkdir()
    assert [one.check for one in await look(tmp_path) if one.level == "fault"] == ["database"]


async def test_every_setting_that_cannot_be_used_is_told_without_its_secret(tmp_path: Path) -> None:
    found = await look(tmp_path, NOVACORE_PORT="0", NOVACORE_BOOTSTRAP_API_KEY="nc_short")
    assert {one.level for one in found} == {"fault"}
    assert [one.text.split(":")[0] for one in found] == ["NOVACORE_PORT", "NOVACORE_BOOTSTRAP_API_KEY"]
    assert all("nc_short" not in one.text for one in found)
