"""``python -m ditlaw``."""

from ditlaw.cli import main

main()
