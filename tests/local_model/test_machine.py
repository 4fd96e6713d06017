"""What the machine offers."""

import pytest

from services.local_model.app.process.machine import cores, missing_features, threads

CPUINFO = "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu sse4_2 avx avx2 bmi1 bmi2 f16c fma popcnt\n"


def test_a_cpu_with_all_features_lacks_none() -> None:
    assert missing_features(CPUINFO) == ()


def test_what_a_cpu_lacks_is_named() -> None:
    assert missing_features(CPUINFO.replace(" avx2", "").replace(" fma", "")) == ("avx2", "fma")


def test_a_machine_that_tells_nothing_is_believed_to_be_able() -> None:
    assert missing_features("") == ()


@pytest.mark.parametrize(
    ("affinity", "cpu_max", "expected"),
    [
        (8, "", 8),
        (8, "max 100000\n", 8),
        (8, "200000 100000\n", 2),
        (8, "150000 100000\n", 2),
        (8, "50000 100000\n", 1),
        (2, "800000 100000\n", 2),
        (2, "100000 0\n", 2),
        (4, "garbage", 4),
    ],
)
def test_a_container_s_share_counts_where_it_is_smaller(affinity: int, cpu_max: str, expected: int) -> None:
    assert cores(affinity, cpu_max) == expected


@pytest.mark.parametrize(("usable", "expected"), [(1, 1), (2, 1), (3, 1), (4, 2), (16, 8)])
def test_half_the_cores_write_and_at_least_one(usable: int, expected: int) -> None:
    assert threads(usable) == expected
