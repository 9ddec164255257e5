"""What the bodies of the operator's requests have in common."""

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """Knows its members: a misspelt one is refused, not ignored."""

    model_config = ConfigDict(extra="forbid")
