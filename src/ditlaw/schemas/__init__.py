"""JSON Schemas of what each command prints with ``--json``: one file a command in this folder."""
