"""The report: one self-contained HTML page about a study, a table or a saved law. No torch here."""

from ditlaw.report.page import write_report

__all__ = ["write_report"]
