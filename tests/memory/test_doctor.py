"""The memory service's look at its own set-up."""

from pathlib import Path

from novakit.clock import FakeClock

from services.memory.app import doctor


async def test_settings_and_database_are_looked_at(tmp_path: Path) -> None:
    environ = {"SERVICE_JWT_SECRET": "s" * 32, "NOVACORE_DATA_DIR": str(tmp_path)}
    found = [finding async for finding in doctor.examine(environ, FakeClock())]
    assert [(one.level, one.check) for one in found] == [("ok", "settings"), ("ok", "database")]
    (tmp_path / "memory.db").write_bytes(b"no database" * 100)
    found = [finding async for finding in doctor.examine(environ, FakeClock())]
    assert [(one.level, one.check) for one in found] == [("ok", "settings"), ("fault", "database")]


async def test_a_setting_that_cannot_be_used_is_told_in_the_words_of_the_start() -> None:
    found = [finding async for finding in doctor.examine({"MEMORY_PORT": "x"}, FakeClock())]
    assert [one.text.split(":")[0] for one in found] == ["MEMORY_PORT", "SERVICE_JWT_SECRET is not set"]
