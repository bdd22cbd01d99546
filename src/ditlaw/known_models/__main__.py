"""Print the table of ``docs/known-models.md``; a test fails where the page has another."""

from ditlaw.known_models.page import markdown

print(markdown(), end="")
