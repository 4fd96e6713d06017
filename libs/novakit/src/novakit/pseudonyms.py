"""Users in logs: the same short name on every line of every service, from which nobody gets back to the user."""

import hashlib
import hmac

CHARS = 12
MOST_KEPT = 4096


class Pseudonyms:
    """Names made with a key: without it, not even whoever knows all users can tell which is which.

    The key comes from the secret that the services share, so that all of them give a user the same name.
    """

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), b"pseudonyms in logs", "sha256")
        self._known: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        """The pseudonym; of an empty name there is none."""
        if not name:
            return ""
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            made = hmac.new(self._key, name.encode("utf-8", "surrogatepass"), hashlib.sha256)
            known = self._known[name] = made.hexdigest()[:CHARS]
        return known
