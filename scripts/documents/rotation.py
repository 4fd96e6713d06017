"""What happens when a secret is replaced in its file, and how soon."""

from novakit.identity import TOKEN_SECONDS
from novakit.secret_files import LOOK_SECONDS
from novakit.signing import SPREAD_SECONDS

from services.gateway.app.auth.tokens import ACCESS_SECONDS

from .tables import table


def rotation() -> str:
    """A row for each secret."""
    noticed = f"within {2 * LOOK_SECONDS:g} s"
    rows = [
        ("a provider's key", noticed, "is used from the next call on", "is not used any more"),
        ("`SERVICE_JWT_SECRET`", noticed, _new(), _old(TOKEN_SECONDS)),
        ("`JWT_SECRET`", noticed, _new(), _old(ACCESS_SECONDS)),
        ("`METRICS_TOKEN`", noticed, "is accepted at once", "is not accepted any more"),
        ("`DATABASE_URL`", "at the next start", "", ""),
        ("`NOVACORE_BOOTSTRAP_API_KEY`", "never: it counts at the first start alone", "", ""),
        ("anything in the environment or in `.env`", "at the next start", "", ""),
    ]
    return table(("secret", "a new one is noticed", "the new one", "the old one"), rows)


def _new() -> str:
    return f"is accepted at once, and signs after {SPREAD_SECONDS:g} s, when all others know it"


def _old(life: float) -> str:
    return f"is accepted for {2 * SPREAD_SECONDS + life:g} s, by when all that it signed has expired"
