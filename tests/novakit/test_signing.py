"""A signing secret that is replaced while what it signed is still good."""

from itertools import product

import pytest
from novakit.clock import FakeClock
from novakit.identity import TOKEN_SECONDS, IdentityError, TokenSigner, TokenVerifier
from novakit.signing import SPREAD_SECONDS, SigningSecret

OLD, NEW, NEWEST = "o" * 32, "n" * 32, "w" * 32
LIFE = 120.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def secret(clock: FakeClock) -> SigningSecret:
    return SigningSecret(OLD, life=LIFE, now=clock.now)


def test_a_new_secret_is_accepted_at_once_and_signs_when_the_others_know_it(
    secret: SigningSecret, clock: FakeClock
) -> None:
    secret.replace(NEW)
    assert (secret.signing(), secret.accepted()) == (OLD, (OLD, NEW))
    clock.advance(SPREAD_SECONDS)
    assert (secret.signing(), secret.accepted()) == (NEW, (NEW, OLD))


def test_the_old_one_is_accepted_until_all_that_it_signed_has_expired(
    secret: SigningSecret, clock: FakeClock
) -> None:
    secret.replace(NEW)
    clock.advance(2 * SPREAD_SECONDS + LIFE - 0.1)
    assert secret.accepted() == (NEW, OLD)
    clock.advance(0.1)
    assert secret.accepted() == (NEW,)


def test_one_that_is_replaced_again_before_it_signed_is_accepted_for_those_where_it_did(
    secret: SigningSecret, clock: FakeClock
) -> None:
    secret.replace(NEW)
    clock.advance(SPREAD_SECONDS / 2)
    secret.replace(NEWEST)
    assert (secret.signing(), secret.accepted()) == (OLD, (OLD, NEWEST, NEW))
    clock.advance(SPREAD_SECONDS)
    assert (secret.signing(), secret.accepted()) == (NEWEST, (NEWEST, NEW, OLD))


def test_going_back_to_the_secret_before_is_one_more_replacement(secret: SigningSecret, clock: FakeClock) -> None:
    secret.replace(NEW)
    clock.advance(SPREAD_SECONDS)
    secret.replace(OLD)
    clock.advance(10 * (SPREAD_SECONDS + LIFE))
    assert (secret.signing(), secret.accepted()) == (OLD, (OLD,))


@pytest.mark.parametrize(
    ("signer_after", "verifier_after"),
    [*product((0.0, 20.0, SPREAD_SECONDS), repeat=2)],
    ids=lambda seconds: f"{seconds:g}",
)
def test_no_token_is_refused_that_two_processes_exchange_while_each_notices_in_its_time(
    clock: FakeClock, signer_after: float, verifier_after: float
) -> None:
    """One process signs and another verifies; each notices within the time that is given for it."""
    signs, verifies = (SigningSecret(OLD, life=TOKEN_SECONDS, now=clock.now) for _ in range(2))
    signer = TokenSigner(signs, issuer="gateway", audience="memory", wall=clock.wall)
    verifier = TokenVerifier(verifies, audience="memory", wall=clock.wall)
    sent: list[tuple[float, str]] = []
    for second in range(2 * int(SPREAD_SECONDS + TOKEN_SECONDS)):
        if second == signer_after:
            signs.replace(NEW)
        if second == verifier_after:
            verifies.replace(NEW)
        sent.append((clock.wall() + TOKEN_SECONDS / 2, signer.token()))
        for good_until, token in (sent[0], sent[-1]):
            if clock.wall() < good_until:
                verifier.check(token)
        sent = [(until, token) for until, token in sent if clock.wall() + 1 < until]
        clock.advance(1)
    assert verifies.accepted() == signs.accepted() == (NEW,)


def test_a_token_of_a_secret_that_was_replaced_long_ago_is_refused(clock: FakeClock) -> None:
    secret = SigningSecret(OLD, life=TOKEN_SECONDS, now=clock.now)
    verifier = TokenVerifier(secret, audience="memory", wall=clock.wall)
    secret.replace(NEW)
    clock.advance(2 * SPREAD_SECONDS + TOKEN_SECONDS)
    forged = TokenSigner(OLD, issuer="gateway", audience="memory", wall=clock.wall).token()
    with pytest.raises(IdentityError):
        verifier.check(forged)
