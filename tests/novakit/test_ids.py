"""Identifiers: RFC 9562, version 7."""

from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from novakit.clock import FakeClock, SystemClock
from novakit.ids import id_source, is_uuid, uuid7

WALL = st.floats(min_value=0, max_value=2**48 / 1000 - 1)
BITS = st.integers(min_value=0, max_value=2**80)


@settings(derandomize=True, deadline=None)
@given(WALL, BITS)
def test_version_and_variant_stand_where_the_rfc_puts_them(wall: float, bits: int) -> None:
    made = uuid7(wall, bits)
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == int(wall * 1000)


def test_the_example_of_the_rfc_comes_out() -> None:
    """Appendix A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F."""
    rand_a, rand_b = 0xCC3, 0x18C4DC0C0C07398F
    assert str(uuid7(1645557742.0, rand_b << 12 | rand_a)) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def test_all_random_bits_count() -> None:
    assert uuid7(0, 2**74 - 1).int == (0x7FFF << 64) | (2**64 - 1) & ~(1 << 62)
    assert len({uuid7(0, 1 << bit) for bit in range(74)}) == 74


@settings(derandomize=True, deadline=None)
@given(st.integers(0, 2**48 - 2), BITS, BITS)
def test_ids_sort_by_their_time_as_text(milliseconds: int, one: int, other: int) -> None:
    earlier, later = (uuid7((at + 0.5) / 1000, bits) for at, bits in ((milliseconds, one), (milliseconds + 1, other)))
    assert str(earlier) < str(later)


def test_a_source_makes_a_new_id_at_each_call() -> None:
    new_id = id_source(SystemClock())
    assert len({new_id() for _ in range(1000)}) == 1000


def test_a_source_takes_its_time_and_its_chance_from_outside() -> None:
    clock = FakeClock(wall=1645557742.0)
    new_id = id_source(clock, lambda count: 2**count - 1)
    assert new_id() == new_id() == "017f22e2-79b0-7fff-bfff-ffffffffffff"
    clock.advance(0.001)
    assert new_id() == "017f22e2-79b1-7fff-bfff-ffffffffffff"


def test_a_uuid_is_known_by_its_usual_form_alone() -> None:
    good = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    assert is_uuid(good)
    assert is_uuid(good.upper())
    for bad in ("", good[:-1], good + "0", good.replace("-", ""), f"{{{good}}}", f"urn:uuid:{good}", good[:-1] + "g"):
        assert not is_uuid(bad), bad
    assert not is_uuid("017f22e279b0-7cc3-98c4-dc0c0c07398f-")
    assert UUID(good).version == 7
