"""What may be a user's name and password. Pure.

A name is compared in NFKC with case folded, so that two names that look alike by case or by width are one.
"""

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from ..store.users import Name

LONGEST_NAME = 64
LONGEST_KEY = 128
SHORTEST_PASSWORD = 12
# More is no safer, and each character is work for whoever verifies it.
LONGEST_PASSWORD = 256


def key_of(name: str) -> str:
    """The name as it is compared; the same for every way of writing it."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def _whole(text: str) -> str:
    """Half a surrogate pair is no character, and cannot be hashed; JSON can write it all the same."""
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("text", "it holds half a character")
    return text


def _name(text: str) -> str:
    shown = " ".join(unicodedata.normalize("NFC", text).split())
    # Once more: some characters are two or three in this form.
    if not 0 < len(shown) <= LONGEST_NAME or len(key_of(shown)) > LONGEST_KEY or not shown.isprintable():
        raise PydanticCustomError("name", f"it must be 1 to {LONGEST_NAME} printable characters")
    return shown


def _printable(text: str) -> str:
    if not key_of(text).isprintable():
        raise PydanticCustomError("name", "it must be printable characters")
    return text


def _given(password: SecretStr) -> SecretStr:
    _whole(password.get_secret_value())
    return password


def _password(given: SecretStr) -> SecretStr:
    _given(given)
    if not SHORTEST_PASSWORD <= len(given.get_secret_value()) <= LONGEST_PASSWORD:
        raise PydanticCustomError("password", f"it must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return given


NewName = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), AfterValidator(_name)]
NewPassword = Annotated[
    SecretStr,
    AfterValidator(_password),
    Field(json_schema_extra={"minLength": SHORTEST_PASSWORD, "maxLength": LONGEST_PASSWORD}),
]
GivenName = Annotated[str, Field(min_length=1, max_length=LONGEST_KEY), AfterValidator(_printable)]
"""A name to sign in with: whatever was typed."""
PartOfName = Annotated[str, Field(max_length=LONGEST_KEY), AfterValidator(_printable)]
GivenPassword = Annotated[SecretStr, Field(min_length=1, max_length=LONGEST_PASSWORD), AfterValidator(_given)]


def named(shown: str) -> Name:
    """A new name in both its forms."""
    return Name(shown, key_of(shown))
