"""Write the schema files anew: ``make schemas``. A test fails when they are out of date."""

from pathlib import Path

from ditlaw.files import write_json
from ditlaw.results import COMMANDS, json_schema

for command in COMMANDS:
    write_json(Path(__file__).parent / f"{command}.schema.json", json_schema(command))
