"""The pages of docs/families say what the code counts: outputs, formulas, parts, studies."""

import re
from collections import Counter
from pathlib import Path

import pytest
import yaml
from conftest import TINY
from docs_blocks import FENCED, printed, shown_on

from ditlaw.families import FAMILIES, Geometry, get_family
from ditlaw.study.schema import Study

FOLDER = Path(__file__).parent.parent / "docs" / "families"
PAGES = {name: (FOLDER / f"{name}.md").read_text() for name in ("README", *FAMILIES)}
COUNTED = [command for name in PAGES for command in shown_on(FOLDER / f"{name}.md")]
GEOMETRIES = {
    "words": Geometry(8, 12, 3, 2, 5, vocabulary=17),
    "features": Geometry(8, 12, 3, 2, 5, text_dim=48),
    "features and a pooled vector": Geometry(8, 12, 3, 2, 5, text_dim=48, pooled_dim=24),
    "video": Geometry(8, 12, 3, 2, 5, text_dim=48, frames=3),
}


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def table(name: str, option: str | None) -> list[list[str]]:
    """The rows of a page's "what is counted where", of one option if its tables are told apart."""
    part = f"part (`{option}`)" if option else "part"
    rows = re.search(rf"^\| {re.escape(part)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGES[name], re.M)
    assert rows, f"{name}.md has no table of {part}"
    return [cells(row) for row in rows[1].splitlines()]


def value(formula: str, letters: dict[str, int]) -> int:
    for sign, operator in (("·", "*"), ("²", "**2"), ("−", "-")):
        formula = formula.replace(sign, operator)
    return eval(formula, {}, letters)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_a_page_that_the_index_links(name):
    assert f"]({name}.md)" in PAGES["README"]
    shown = [command for command in COUNTED if Path(command.page).stem == name]
    assert any(command.words[0] == "count" for command in shown)


@pytest.mark.parametrize("command", COUNTED, ids=str)
def test_outputs_are_what_the_command_prints(command):
    assert printed(command.words) == command.output


def test_the_comparison_is_what_the_commands_print():
    rows = [cells(row) for row in PAGES["README"].splitlines() if "| `ditlaw count " in row]
    assert {row[0].split(",")[0] for row in rows} == set(FAMILIES)
    for _, command, params, flops, estimate, ratio in rows:
        answer = printed(tuple(command.strip("`").split()[1:]))
        assert re.search(rf"^sum +{params} +{flops}$", answer, re.M), command
        assert re.search(rf"^6·params·tokens +{estimate} +{re.escape(ratio)}$", answer, re.M)


@pytest.mark.parametrize("text", GEOMETRIES)
@pytest.mark.parametrize(
    ("name", "option"),
    [(name, None) for name in FAMILIES if name != "masked"]
    + [("masked", "mdt-v1"), ("masked", "drop")],
)
def test_tables_name_every_part_and_their_formulas_are_its_counts(name, option, text):
    family = get_family(name, {"masking": option} if option else None)
    geometry, shape = GEOMETRIES[text], family.shape(5, 32, 4)
    counts = family.counts(shape, geometry)
    letters = {
        "d": shape.width,
        "h": shape.heads,
        "L": shape.depth,
        "S": shape.single_depth,
        "I": geometry.image_tokens,
        "T": geometry.text_tokens,
        "c": geometry.patch_dim,
        "F": geometry.text_dim,
        "P": geometry.pooled_inputs(shape.width),
        "rows": geometry.rows,
        "columns": geometry.columns,
    }
    if name == "masked":
        letters |= {"K": family.kept(geometry), "B": family.decoder_depth(shape)}
    params, training, forward = Counter(), Counter(), 0
    for part, layers, _, weights, pass_flops, step_flops in table(name, option):
        kind, colon, _ = layers.partition(":")
        if colon and kind in ("words", "features") and (kind == "words") != geometry.words:
            continue
        flops = value(pass_flops, letters)
        forward += flops
        params[part] += value(weights, letters)
        training[part] += (
            int(step_flops[:-1]) * flops if step_flops[-1] == "×" else value(step_flops, letters)
        )
    assert {f"`{part}`": n for part, n in counts.params_breakdown.items()} == +params
    assert {f"`{part}`": n for part, n in counts.flops_breakdown.items()} == +training
    assert forward == counts.flops_forward


@pytest.mark.parametrize("name", FAMILIES)
def test_studies_of_the_pages_are_valid(name):
    (snippet,) = [block for kind, block in FENCED.findall(PAGES[name]) if kind == "yaml"]
    study = Study.model_validate(yaml.safe_load(TINY) | yaml.safe_load(snippet))
    assert study.design().name == name


@pytest.mark.parametrize("page", PAGES)
def test_diagrams_fit_80_columns(page):
    for kind, block in FENCED.findall(PAGES[page]):
        if kind != "yaml":
            assert max(map(len, block.splitlines())) <= 80
