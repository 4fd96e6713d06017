from novacore.restart import History, after_death


def delays(times: list[float]) -> list[float | None]:
    history, found = History(), []
    for now in times:
        history, delay = after_death(history, now)
        found.append(delay)
    return found


def test_the_delay_starts_at_half_a_second_and_doubles() -> None:
    assert delays([0, 10, 20, 30]) == [0.5, 1, 2, 4]


def test_the_fifth_death_within_five_minutes_is_the_last() -> None:
    assert delays([0, 1, 2, 3, 4]) == [0.5, 1, 2, 4, None]


def test_deaths_that_are_far_enough_apart_are_never_too_many_and_wait_half_a_minute_at_most() -> None:
    assert delays([100.0 * n for n in range(9)]) == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_after_five_quiet_minutes_the_delay_starts_anew() -> None:
    assert delays([0, 1, 2, 302, 303]) == [0.5, 1, 2, 0.5, 1]
