"""Service tokens: who they are good for, and until when."""

import base64
import json

import jwt
import pytest
from novakit.clock import FakeClock
from novakit.identity import TOKEN_SECONDS, IdentityError, TokenSigner, TokenVerifier, sign, verify

SECRET = "s" * 64
WALL = 1_700_000_000.0


def token(**claims: object) -> str:
    """A token with these claims, signed with the right secret."""
    return jwt.encode({"iss": "gateway", "aud": "intelligence", "exp": int(WALL) + 60, **claims}, SECRET)


def test_a_token_opens_the_service_that_it_names_until_it_expires() -> None:
    made = sign(SECRET, issuer="gateway", audience="intelligence", wall=WALL)
    assert verify(made, SECRET, audience="intelligence", wall=WALL + TOKEN_SECONDS - 1) == WALL + TOKEN_SECONDS
    claims = jwt.decode(made, SECRET, algorithms=["HS256"], audience="intelligence", options={"verify_exp": False})
    assert claims == {"iss": "gateway", "aud": "intelligence", "iat": WALL, "exp": WALL + TOKEN_SECONDS}


def test_an_expired_token_is_refused_at_the_second() -> None:
    made = sign(SECRET, issuer="gateway", audience="intelligence", wall=WALL, seconds=10)
    verify(made, SECRET, audience="intelligence", wall=WALL + 9.9)
    with pytest.raises(IdentityError, match="it has expired"):
        verify(made, SECRET, audience="intelligence", wall=WALL + 10)


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


UNSIGNED = f"{segment({'alg': 'none'})}.{segment({'iss': 'x', 'aud': 'intelligence', 'exp': 9_999_999_999})}."
SIGNED = token()
FORGED = {
    "another audience": token(aud="memory"),
    "no audience": jwt.encode({"iss": "gateway", "exp": 9_999_999_999}, SECRET),
    "no expiry": jwt.encode({"iss": "gateway", "aud": "intelligence"}, SECRET),
    "no issuer": jwt.encode({"aud": "intelligence", "exp": 9_999_999_999}, SECRET),
    "another secret": jwt.encode({"iss": "g", "aud": "intelligence", "exp": 9_999_999_999}, "t" * 40),
    "another algorithm": jwt.encode({"iss": "g", "aud": "intelligence", "exp": 9_999_999_999}, SECRET, "HS512"),
    "no algorithm": UNSIGNED,
    "changed claims": ".".join(
        [SIGNED.split(".")[0], segment({"iss": "x", "aud": "intelligence", "exp": 9e9}), SIGNED.split(".")[2]]
    ),
    "no signature": SIGNED.rpartition(".")[0] + ".",
    "nonsense": "abc",
    "more nonsense": "a.b.c",
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_token_that_was_not_made_for_this_service_by_a_sibling_is_refused(forged: str) -> None:
    with pytest.raises(IdentityError, match="service token refused"):
        verify(forged, SECRET, audience="intelligence", wall=WALL)


def test_a_refusal_does_not_tell_the_secret_or_the_token() -> None:
    with pytest.raises(IdentityError) as refused:
        verify(FORGED["another secret"], SECRET, audience="intelligence", wall=WALL)
    assert SECRET not in str(refused.value)
    assert FORGED["another secret"].split(".")[2] not in str(refused.value)


def test_a_signer_signs_again_when_half_of_the_last_tokens_life_is_over() -> None:
    clock = FakeClock(wall=WALL)
    signer = TokenSigner(SECRET, issuer="gateway", audience="intelligence", wall=clock.wall)
    first = signer.token()
    clock.advance(TOKEN_SECONDS / 2 - 0.1)
    assert signer.token() == first
    clock.advance(0.1)
    second = signer.token()
    assert second != first
    assert verify(second, SECRET, audience="intelligence", wall=clock.wall()) == clock.wall() + TOKEN_SECONDS


def test_every_token_of_a_signer_has_half_of_its_life_before_it() -> None:
    clock = FakeClock(wall=WALL)
    signer = TokenSigner(SECRET, issuer="gateway", audience="intelligence", wall=clock.wall)
    for _ in range(50):
        expires = verify(signer.token(), SECRET, audience="intelligence", wall=clock.wall())
        assert expires - clock.wall() >= TOKEN_SECONDS / 2
        clock.advance(7.3)


def test_a_verifier_takes_a_valid_token_until_it_expires_and_no_longer() -> None:
    clock = FakeClock(wall=WALL)
    verifier = TokenVerifier(SECRET, audience="intelligence", wall=clock.wall)
    made = sign(SECRET, issuer="gateway", audience="intelligence", wall=WALL)
    verifier.check(made)
    clock.advance(TOKEN_SECONDS - 0.1)
    verifier.check(made)
    clock.advance(0.1)
    with pytest.raises(IdentityError, match="expired"):
        verifier.check(made)


def test_a_verifier_verifies_a_known_token_once(monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = TokenVerifier(SECRET, audience="intelligence", wall=lambda: WALL)
    made = sign(SECRET, issuer="gateway", audience="intelligence", wall=WALL)
    verifier.check(made)
    monkeypatch.setattr(jwt, "decode", None)
    verifier.check(made)


def test_a_verifier_that_knows_a_token_refuses_all_others() -> None:
    verifier = TokenVerifier(SECRET, audience="intelligence", wall=lambda: WALL)
    verifier.check(SIGNED)
    for forged in (*FORGED.values(), SIGNED[:-4], SIGNED + "x"):
        with pytest.raises(IdentityError):
            verifier.check(forged)
    verifier.check(SIGNED)


@pytest.mark.parametrize("nothing", [None, ""])
def test_a_verifier_refuses_a_call_without_a_token(nothing: str | None) -> None:
    verifier = TokenVerifier(SECRET, audience="intelligence", wall=lambda: WALL)
    with pytest.raises(IdentityError, match="there is none"):
        verifier.check(nothing)
