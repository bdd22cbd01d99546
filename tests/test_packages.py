"""One direction: no package imports, even through others, a package that imports it."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent / "src" / "ditlaw"

# Imports at the head of a file that point against the direction, and why each stays. Files are
# in no cycle whatever the exceptions; these are between the packages that hold them.
AGAINST = {
    ("study", "data"): "a study file is refused where the scenes have no such geometry",
    ("models", "data"): "a batch is what a condition is made from",
    ("models", "flow"): "a user's own module is counted under the loss that it trains with",
    ("training", "observations"): "a sitting marks rows that no law may use, in the table's words",
    ("training", "executors"): "the worker is the process that an executor's job runs in",
    ("training", "tracking"): "a run is mirrored as it goes",
}


def modules() -> dict[str, Path]:
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = ["ditlaw", *path.relative_to(ROOT).with_suffix("").parts]
        found[".".join(parts).removesuffix(".__init__")] = path
    return found


def heads(tree: ast.AST) -> Iterator[ast.stmt]:
    """Import statements that run as a file is imported: none in functions or for types alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        elif not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield from heads(node)


def imported(names: dict[str, Path]) -> dict[str, set[str]]:
    """What each module imports of ditlaw at its head."""
    found: dict[str, set[str]] = {}
    for name, path in names.items():
        found[name] = set()
        for node in heads(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                asked = [alias.name for alias in node.names]
            else:
                assert node.module, "no relative imports here"
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                asked = [each if each in names else node.module for each in inner]
            found[name] |= {each for each in asked if each in names} - {name}
    return found


def cycle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def part(module: str) -> str:
    """``data`` of ``ditlaw.data.raw.open``; '' of ``ditlaw`` itself."""
    return module.partition(".")[2].partition(".")[0]


def packages() -> dict[str, set[str]]:
    """The same between what lies directly in the package's folder."""
    found: dict[str, set[str]] = {}
    for name, others in imported(modules()).items():
        here = part(name)
        found.setdefault(here, set()).update(map(part, others))
        found[here].discard(here)
    found.pop("", None)  # ditlaw itself is what names are loaded from, late
    return {here: others - {""} for here, others in found.items()}


def test_no_file_imports_itself_through_others():
    assert cycle(imported(modules())) == []


def test_packages_import_in_one_direction_but_for_what_is_listed():
    graph = packages()
    for here, other in AGAINST:
        assert other in graph[here], f"{here} no longer imports {other}; strike it from the list"
        graph[here].discard(other)
    assert cycle(graph) == []


def test_a_cycle_would_be_found():
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    head = "import a\nif TYPE_CHECKING:\n    import b\ntry:\n    import c\nexcept E:\n    pass\n"
    late = "def f():\n    import d\nclass C:\n    import e\n"
    told = [ast.unparse(node) for node in heads(ast.parse(head + late))]
    assert told == ["import a", "import c", "import e"]
