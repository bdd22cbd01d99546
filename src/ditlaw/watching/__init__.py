"""A running training beside its forecast: does it stay in the band that the law gives it?"""

from ditlaw.watching.answer import Watching, watch
from ditlaw.watching.following import follow

__all__ = ["Watching", "follow", "watch"]
