"""Other people's tables: what trackers and scripts write, read as a table in our columns."""

from ditlaw.foreign.names import missing_columns, propose, require_columns
from ditlaw.foreign.reading import Points, foreign_table, read_exports
from ditlaw.foreign.renaming import parse_columns, rename

__all__ = [
    "Points",
    "foreign_table",
    "missing_columns",
    "parse_columns",
    "propose",
    "read_exports",
    "rename",
    "require_columns",
]
