"""Twins and their owners."""

from dataclasses import dataclass, field
from datetime import datetime

TRAINS_BY_INBOX = "train_on_upload"
"""The option of a twin whose owner agreed ("yes") that whatever is copied into its inbox in the bucket trains it."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account. On a laptop there is one, `LOCAL_USER`. `id` is opaque, never an address."""

    id: str
    email: str
    created_at: datetime


LOCAL_USER = "local"


@dataclass(frozen=True, slots=True)
class Twin:
    """A person's twin.

    Attributes:
        id: opaque; every key of the twin begins with it.
        owner: the id of the `User` it belongs to.
        name: what the owner calls it; unique per owner.
        speakers: the names (or ids) under which the person writes; the first is the one the twin speaks under.
        base: name or path of the base model.
        run_id: the run whose adapter answers; None until the first one is published.
    """

    id: str
    owner: str
    name: str
    speakers: tuple[str, ...]
    base: str
    created_at: datetime
    run_id: str | None = None
    options: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def partner(self) -> str:
        """The name under which people talk with it, where they have none: whom its owner wrote to most."""
        return self.options.get("partner") or "Friend"
