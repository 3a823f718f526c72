"""What the documents say is there: links, verbs, paths, DAGs, dependencies, messages, tables."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from include.features.catalog import Entity, Key
from include.scoring.latest import ensure_latest_view
from include.scoring.predictions import ensure_predictions_table
from include.warehouse.session import open_session

ROOT = Path(__file__).resolve().parents[3]
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
# The changelog speaks of what there was as well.
PRESENT = [path for path in DOCUMENTS if path.name != "CHANGELOG.md"]
RUNBOOKS = sorted(path for path in (ROOT / "docs" / "runbooks").glob("*.md") if path.name != "README.md")
ROOMS = (
    "dags", "include", "dbt", "plugins", "tests", "docs", "benchmarks", "deploy", ".github", ".astro",
)  # fmt: skip
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
VERB = re.compile(r"\bmake ([a-z]+(?: [a-z]+)*)(?![a-z-])")


def name_document(path: Path) -> str:
    """Its path in the project, as the name of a test case."""
    return str(path.relative_to(ROOT))


def read_prose(path: Path) -> str:
    """A document without its fenced blocks."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def list_links(path: Path, mark: str) -> Iterator[str]:
    """Relative targets of a document's links (mark '') or pictures (mark '!'), without their anchors."""
    for kind, target in LINK.findall(read_prose(path)):
        if kind == mark and "://" not in target and not target.startswith("#"):
            yield target.partition("#")[0]


def list_commands(path: Path) -> Iterator[str]:
    """What a document shows as code: fenced blocks without a language, bare of comments, and what is in backticks."""
    text = path.read_text(encoding="utf-8")
    yield from (re.sub(r" #.*", "", body) for language, body in FENCE.findall(text) if not language)
    yield from CODE.findall(FENCE.sub("", text))


def list_paths(path: Path) -> Iterator[str]:
    """What a document names in backticks below one of the project's folders; placeholders are left out."""
    for code in CODE.findall(read_prose(path)):
        is_plain = re.fullmatch(r"[\w./*-]+", code) is not None
        is_placeholder = any(word in code for word in ("NNNN", "NAME", "MODEL"))
        if is_plain and not is_placeholder and code.startswith(tuple(f"{room}/" for room in ROOMS)):
            yield code


def list_blocks(language: str) -> list[tuple[str, str]]:
    """Every fenced block of a language, with its document's name."""
    return [
        (name_document(path), body)
        for path in DOCUMENTS
        for found, body in FENCE.findall(path.read_text(encoding="utf-8"))
        if found == language
    ]


def read_first_column(heading: str) -> set[str]:
    """The code in the first column of the table below one of the README's headings."""
    section = README.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def list_quotes(path: Path) -> list[str]:
    """The messages that a runbook quotes."""
    return re.findall(r"^ *> (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)


@cache
def read_texts() -> str:
    """Every text in the library's code, where a value that is filled in is a line break, and dbt's macros."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "dbt" / "macros").glob("*.sql"))]
    for path in sorted((ROOT / "include").rglob("*.py")):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        texts += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "\n".join(texts)


def find_missing_parts(quote: str, texts: str) -> list[str]:
    """The parts of a quoted message, between its ellipses, that no text of the code holds."""
    parts = (part.strip(" ,") for part in quote.split("…"))
    return [part for part in parts if re.search(r"\w", part) and part not in texts]


def test_the_documents_were_found() -> None:
    assert all(path.exists() for path in DOCUMENTS)
    assert len(DOCUMENTS) > 25
    assert len(RUNBOOKS) >= 12


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_document)
def test_every_relative_link_resolves(path: Path) -> None:
    broken = [target for target in list_links(path, "") if not (path.parent / target).exists()]
    assert not broken, f"{name_document(path)} links to what is not there: {broken}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_document)
def test_every_picture_is_there_and_small(path: Path) -> None:
    pictures = [path.parent / target for target in list_links(path, "!")]
    missing = [str(picture.relative_to(ROOT)) for picture in pictures if not picture.exists()]
    assert not missing, f"{name_document(path)} shows pictures that are not there: {missing}"
    assert all(picture.stat().st_size < 200_000 for picture in pictures), "Keep pictures below 200 kB."


@pytest.mark.parametrize("path", PRESENT, ids=name_document)
def test_every_verb_of_make_exists(path: Path) -> None:
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {verb for code in list_commands(path) for verbs in VERB.findall(code) for verb in verbs.split()}
    assert named <= known, f"{name_document(path)}: make has no {sorted(named - known)}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_document)
def test_every_path_exists(path: Path) -> None:
    missing = [named for named in list_paths(path) if not list(ROOT.glob(named.rstrip("/")))]
    assert not missing, f"{name_document(path)} names paths that are not there: {missing}"


@pytest.mark.parametrize("room", ["decisions", "runbooks", "guides"])
def test_every_page_of_a_room_is_in_its_index(room: str) -> None:
    folder = ROOT / "docs" / room
    index = folder / "README.md" if (folder / "README.md").exists() else ROOT / "docs" / "README.md"
    linked = {(index.parent / target).resolve() for target in list_links(index, "")}
    pages = {path for path in folder.glob("*.md") if path.name != "README.md"}
    assert pages
    assert pages <= linked, f"{name_document(index)} does not link {sorted(path.name for path in pages - linked)}"


def list_hops() -> set[str]:
    """The files of dags/ that make DAGs: ``check_models.py`` makes none, it only fails where a model cannot work."""
    return {path.stem for path in (ROOT / "dags").glob("*.py")} - {"check_models"}


def test_the_readme_lists_the_dags_that_there_are() -> None:
    listed = {name.rpartition(".")[2] for name in read_first_column("The flow")}
    assert listed == list_hops()


def list_dag_names() -> set[str]:
    """The hops, and each hop of each declared model; documents write MODEL for any model."""
    hops = list_hops()
    models = {file.stem for file in (ROOT / "include" / "config" / "models").glob("*.yml")} | {"MODEL"}
    return hops | {f"{model}.{hop}" for model in models for hop in hops}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_document)
def test_every_dag_that_is_named_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    hops = "|".join(file.stem for file in (ROOT / "dags").glob("*.py"))
    named = set(re.findall(r"\bDAG `([\w.]+)`", text)) | set(re.findall(rf"`(\w+\.(?:{hops}))`", text))
    missing = named - list_dag_names()
    assert not missing, f"{name_document(path)} names DAGs that are not there: {sorted(missing)}"


@pytest.mark.parametrize("path", PRESENT, ids=name_document)
def test_every_module_that_is_run_exists(path: Path) -> None:
    named = {module for code in list_commands(path) for module in re.findall(r"\bpython -m (include[\w.]*)", code)}
    missing = [module for module in named if importlib.util.find_spec(module) is None]
    assert not missing, f"{name_document(path)} runs modules that are not there: {missing}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_document)
def test_the_astro_cli_is_the_one_that_the_workflows_install(path: Path) -> None:
    action = yaml.safe_load((ROOT / ".github" / "actions" / "install-astro-cli" / "action.yml").read_text())
    named = {
        version for code in list_commands(path) if "astro" in code for version in re.findall(r"\bv\d+\.\d+\.\d+", code)
    }
    assert named <= {action["inputs"]["version"]["default"]}


def test_the_readme_says_what_each_dependency_is_for() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    required = {re.split(r"[\[=<>~! ]", line, maxsplit=1)[0] for line in lines if line and not line.startswith("#")}
    assert len(required) > 20
    assert read_first_column("What it is made of") == required


def test_the_map_names_every_room_of_the_library() -> None:
    rooms = {f"include/{path.name}/" for path in (ROOT / "include").iterdir() if path.is_dir()}
    assert rooms - {"include/__pycache__/"} <= read_first_column("The map of the house")


@pytest.mark.parametrize("path", RUNBOOKS, ids=name_document)
def test_a_runbook_quotes_messages_of_the_code(path: Path) -> None:
    wrong = {quote: parts for quote in list_quotes(path) if (parts := find_missing_parts(quote, read_texts()))}
    assert not wrong, f"{name_document(path)} quotes what the code does not say: {wrong}"


@pytest.mark.parametrize("path", RUNBOOKS, ids=name_document)
def test_a_runbook_says_what_one_sees_looks_at_and_does(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "**Symptom.**" in text
    assert "**Look at**" in text


def test_a_message_that_the_code_does_not_say_would_be_seen() -> None:
    assert find_missing_parts("Fence … is held by a token of gold", read_texts()) == ["is held by a token of gold"]


def test_every_query_runs_on_the_migrated_warehouse(warehouse_uri: str) -> None:
    import psycopg

    with open_session(warehouse_uri) as session:
        member = Entity("member", (Key("member_id", "text"),))
        ensure_predictions_table(session, "my_model", member)
        ensure_latest_view(session, "my_model", member)
    queries, wrong = list_blocks("sql"), []
    for document, query in queries:
        try:
            with open_session(warehouse_uri) as session:
                session.fetch_all(query.replace("%", "%%"), ())
        except psycopg.Error as error:
            wrong.append(f"{document}: {error}\n{query}")
    assert len(queries) > 10
    assert not wrong, "these queries do not run:\n" + "\n".join(wrong)
