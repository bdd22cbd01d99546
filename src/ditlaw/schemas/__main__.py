"""Write the schema files anew: ``make schemas``. A test fails when they are out of date."""

from pathlib import Path

from ditlaw.files import write_json
from ditlaw.results import ANSWERS, json_schema

for answer in ANSWERS:
    write_json(Path(__file__).parent / f"{answer}.schema.json", json_schema(answer))
