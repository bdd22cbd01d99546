"""``ditlaw laws``: the catalogue as a result."""

from ditlaw.published.catalogue import ENTRIES
from ditlaw.published.entry import Entry
from ditlaw.results import LawsResult, PublishedEntry


def list_laws() -> LawsResult:
    """Every published law with its source, range, convention, formulas and what is not known."""
    return LawsResult(
        laws=[_entry(entry) for entry in ENTRIES],
        warning="Coefficients do not transfer to other data, models or losses: "
        "use these to plan, and fit your own runs.",
    )


def _entry(entry: Entry) -> PublishedEntry:
    return PublishedEntry(
        name=entry.name,
        source=entry.paper.source,
        year=entry.paper.year,
        arxiv=entry.paper.arxiv,
        range=entry.range,
        flops_as=entry.convention,
        units=entry.units,
        data=entry.data,
        read=entry.paper.read,
        formulas=entry.formulas(),
        unscaled=dict(entry.unscaled),
        extractors=dict(entry.extractors),
        unknown=list(entry.unknown),
        remarks=list(entry.remarks.values()),
    )
