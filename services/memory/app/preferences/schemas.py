"""What a user may prefer."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{1,32}$")]


def _distinct(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError("a provider stands in it twice")
    return names


ProviderOrder = Annotated[
    list[ProviderName],
    Field(min_length=1, max_length=8, json_schema_extra={"uniqueItems": True}),
    AfterValidator(_distinct),
]


class Preferences(BaseModel):
    """A user's preferences; what is null is left to the configuration.

    A field that is not known is refused: a wish that nobody heeds must not look as if it were kept.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    provider_order: ProviderOrder | None = None
    hedging: bool | None = None
