"""Published laws: what papers printed, where from, and what is not known. See docs/published.md."""

from ditlaw.published.law import PREFIX, PublishedLaw, published_law
from ditlaw.published.listing import list_laws

__all__ = ["PREFIX", "PublishedLaw", "list_laws", "published_law"]
