"""A checkout becomes one's own by one command, whatever happens meanwhile."""

from __future__ import annotations

import hashlib
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml

from benchmarks.adoption_data import make_orders
from include.adopt.examples import plan_removal
from include.settings import PROJECT_ROOT
from tests.unit.adopt.test_examples import git

pytestmark = [
    pytest.mark.skipif(shutil.which("git") is None, reason="needs git (the Astro image does not carry it)"),
    pytest.mark.skipif(not (PROJECT_ROOT / ".git").exists(), reason="needs the project's own history"),
]
WORDS = ["--name", "lapse", "--entity", "member_id", "--label", "no orders in 28 days", "--time-zone", "Europe/Berlin"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orders in one file, and a list of members beside them."""
    folder = tmp_path_factory.mktemp("theirs")
    orders = make_orders(6_000).frame
    orders.to_csv(folder / "orders.csv", index=False)
    members = orders[["member_id"]].drop_duplicates().assign(town="Köln")
    members.to_csv(folder / "members.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project as it is now, committed."""
    folder = tmp_path_factory.mktemp("project")
    names = git(PROJECT_ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (PROJECT_ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT_ROOT / name, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "begin")
    return folder


@pytest.fixture
def checkout(project: Path, tmp_path: Path) -> Path:
    """A clone of it."""
    git(tmp_path, "clone", "-q", str(project), str(tmp_path / "checkout"))
    return tmp_path / "checkout"


def start(checkout: Path, folder: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "include.adopt.adopt", str(folder), *WORDS, *more],
        cwd=checkout, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def adopt(checkout: Path, folder: Path, *more: str) -> tuple[int, str]:
    """Exit code and output."""
    process = start(checkout, folder, *more)
    said, _ = process.communicate(timeout=300)
    return process.returncode, said


def read_files(checkout: Path) -> dict[str, str]:
    """The content of every file, hashed."""
    return {
        str(path.relative_to(checkout)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in checkout.rglob("*")
        if path.is_file() and not {".git", "__pycache__", "target"} & set(path.parts)
    }


@pytest.fixture(scope="module")
def adopted(project: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that was adopted without any trouble."""
    place = tmp_path_factory.mktemp("adopted")
    git(place, "clone", "-q", str(project), str(place / "checkout"))
    code, said = adopt(place / "checkout", folder)
    assert code == 0, said
    assert "make run" in said
    (place / "said.txt").write_text(said)
    return place / "checkout"


def run(checkout: Path, *command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_examples_are_gone_and_the_own_data_is_declared(adopted: Path) -> None:
    sources = yaml.safe_load((adopted / "include/config/sources.yml").read_text())
    assert list(sources["sources"]) == ["orders", "members"]
    assert sources["time_zone"] == "Europe/Berlin"
    assert not (adopted / "include/example").exists()
    assert [path.name for path in (adopted / "include/config/models").iterdir()] == ["lapse.yml"]
    days = sorted(path.stem for path in (adopted / ".local/sources/orders").iterdir())
    assert len(days) > 300
    assert [path.name for path in (adopted / ".local/sources/members").iterdir()] == [f"members-{days[0]}.csv"]
    assert "| `lapse` |" in (adopted / "README.md").read_text()


def test_what_is_written_is_read_by_the_settings_and_by_dbt_and_is_lint_clean(adopted: Path) -> None:
    code = (
        "from include.settings import load_settings; from include.features.catalog import load_catalog; "
        "from include.features.manifest import build_manifest; from include.features.spec import resolve_model; "
        "build_manifest(); s = load_settings(); c = load_catalog(); c.check(); "
        "print([len(resolve_model(m, c).features) > 20 for m in s.models.values()], s.broken_models)"
    )
    assert run(adopted, "-c", code).splitlines()[-1] == "[True] {}"
    run(adopted, "-m", "ruff", "check", "--no-cache", ".")
    run(adopted, "-m", "ruff", "format", "--check", "--no-cache", ".")
    run(adopted, "-m", "sqlfluff", "lint", "dbt/models", "dbt/data-tests")


def test_the_tests_that_stay_can_be_collected_and_those_of_rules_and_documents_hold(adopted: Path) -> None:
    said = run(adopted, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "test_house or test_docs")
    passed, deselected = map(int, re.findall(r"(\d+) (?:passed|deselected)", said))
    assert passed > 300
    assert deselected > 3000


def test_the_same_command_again_changes_nothing(adopted: Path, folder: Path) -> None:
    before = read_files(adopted)
    code, said = adopt(adopted, folder)
    assert code == 0, said
    assert said.count("is declared already") == 3
    assert read_files(adopted) == before


@pytest.mark.parametrize(
    "line",
    ["files of the examples go", "a file for each day", "copied to", "orders is declared", "members is declared"],
)
def test_what_was_killed_is_finished_by_the_same_command(
    checkout: Path, adopted: Path, folder: Path, line: str
) -> None:
    process = start(checkout, folder)
    assert process.stdout is not None
    for said in process.stdout:
        if line in said:
            process.send_signal(signal.SIGKILL)
            break
    assert process.wait(300) == -signal.SIGKILL

    code, said = adopt(checkout, folder)

    assert code == 0, said
    assert read_files(checkout) == read_files(adopted)


def test_who_ends_it_while_the_checkout_is_changed_is_told_how_it_is_finished(
    checkout: Path, adopted: Path, folder: Path
) -> None:
    process = start(checkout, folder)
    assert process.stdout is not None
    for said in process.stdout:
        if "the examples are gone" in said:
            process.send_signal(signal.SIGINT)
            break
    rest = process.stdout.read()
    assert process.wait(300) == 130
    assert "The checkout is half changed; the same command finishes it." in rest
    assert adopt(checkout, folder)[0] == 0
    assert read_files(checkout) == read_files(adopted)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda checkout, _: (checkout / "README.md").open("a").write("mine"),
            "README.md changed since the last commit",
        ),
        (lambda _, words: words.extend(["--time-zone", "Nowhere"]), "there is no time zone"),
        (lambda _, words: words.extend(["--time", "orders.channel"]), "cannot say when a row happened"),
        (lambda _, words: words.extend(["--events", "order"]), "order"),
    ],
)
def test_what_cannot_be_done_changes_nothing(
    checkout: Path, folder: Path, spoil: Callable[[Path, list[str]], object], message: str
) -> None:
    words: list[str] = []
    spoil(checkout, words)
    before = read_files(checkout)
    code, said = adopt(checkout, folder, *words)
    assert code != 0
    assert message in said
    assert "Traceback" not in said
    assert read_files(checkout) == before


def test_too_few_days_are_refused_before_the_checkout_is_changed(checkout: Path, folder: Path) -> None:
    code, said = adopt(checkout, folder, "--label", "no orders in 300 days")
    assert code != 0
    assert "a first training of 'no orders in 300 days' needs" in said
    assert "Traceback" not in said
    assert git(checkout, "status", "--porcelain") == ""
    assert not list((checkout / ".local/sources").glob("*")), "the next folder would meet these files"


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of orders and a folder of visits by day, of people who all come every day, and pay nothing."""
    folder = tmp_path_factory.mktemp("steady")
    days = [date(2025, 9, 1) + timedelta(days=number) for number in range(300)]
    rows = [f"{n},{n % 9},{day}T10:00:00Z,0" for n, day in enumerate(day for day in days for _ in range(9))]
    (folder / "orders.csv").write_text("\n".join(("order_id,member_id,ordered_at,amount", *rows)) + "\n")
    (folder / "visits").mkdir()
    for day in days:
        lines = [row.replace("T10", "T11") for row in rows if str(day) in row]
        text = "\n".join(("visit_id,member_id,visited_at,pages", *lines)) + "\n"
        (folder / "visits" / f"{day}.csv").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("events", "label", "message"),
    [
        ("orders", "no orders in 28 days", "all had orders in the 28 days from then on"),
        ("orders", "sum of amount in 28 days", "amount adds up to 0 for each"),
        ("visits", "visits in 28 days", "all had visits in the 28 days from then on"),
    ],
)
def test_a_label_that_is_the_same_for_all_is_refused_before_the_checkout_is_changed(
    checkout: Path, steady: Path, events: str, label: str, message: str
) -> None:
    code, said = adopt(checkout, steady, "--events", events, "--label", label)
    assert code != 0
    assert f"The label '{label}' is the same for all: of 9 entities (member_id)" in said
    assert message in said
    assert "Traceback" not in said
    assert git(checkout, "status", "--porcelain") == ""


def test_how_the_label_is_spread_is_said_once_and_what_is_rare_is_asked_about(adopted: Path) -> None:
    said = (adopted.parent / "said.txt").read_text()
    assert said.count("✔ no orders in 28 days: ") == 1
    assert re.search(r"✔ no orders in 28 days: so for \d+ of \d+ entities \(member_id\) as of 20", said)
    assert "please confirm: as of 20" in said, "there are few members"


def test_another_label_for_a_model_that_is_declared_is_refused(adopted: Path, folder: Path) -> None:
    before = read_files(adopted)
    code, said = adopt(adopted, folder, "--label", "count in 14 days")
    assert code != 0
    assert "lapse is declared already and predicts lapse_labels.has_no_orders, 28 days ahead" in said
    assert "'count in 14 days', is lapse_labels.orders_count, 14 days ahead" in said
    assert read_files(adopted) == before


def test_a_second_model_that_cannot_share_the_group_is_refused_by_paths_that_are_there(
    adopted: Path, folder: Path
) -> None:
    code, said = adopt(adopted, folder, "--name", "second", "--label", "count in 14 days")
    assert code != 0
    assert " in dbt/dbt_project.yml" in said
    assert "Give another GROUP" in said


def test_a_second_model_with_a_group_of_its_own_is_declared_by_the_same_command(
    project: Path, adopted: Path, folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(adopted, tmp_path / "copy", symlinks=True)
    words = ("--name", "second", "--label", "count in 14 days", "--group", "busy_features")
    code, said = adopt(tmp_path / "copy", folder, *words)
    assert code == 0, said
    content = yaml.safe_load((tmp_path / "copy/include/config/models/second.yml").read_text())
    assert content["features"] == {"groups": ["busy_features"]}
    assert content["label"] == "second_labels.orders_count"


def test_another_time_zone_than_that_of_the_days_is_refused(adopted: Path, folder: Path) -> None:
    before = read_files(adopted)
    code, said = adopt(adopted, folder, "--time-zone", "America/Lima")
    assert code != 0
    assert "The days of this checkout are those of Europe/Berlin" in said
    assert read_files(adopted) == before


def test_without_a_time_zone_that_of_the_checkout_stays(adopted: Path, folder: Path) -> None:
    before = read_files(adopted)
    command = ["include.adopt.adopt", str(folder), *WORDS[: WORDS.index("--time-zone")]]
    run(adopted, "-m", *command)
    assert read_files(adopted) == before


def test_a_release_that_changes_an_example_is_merged_by_one_command_more(
    project: Path, adopted: Path, tmp_path: Path
) -> None:
    ours, release = tmp_path / "ours", tmp_path / "release"
    shutil.copytree(adopted, ours, symlinks=True)
    git(ours, "add", "-A")
    git(ours, "commit", "-q", "-m", "Adopt our data")
    git(tmp_path, "clone", "-q", str(project), str(release))
    example = next(iter(plan_removal(release).paths))
    path, added = release / example, Path("include/example/of_the_release.py")
    path.write_text(path.read_text() + "\n")
    (release / added).write_text("a = 1\n")
    readme = (release / "README.md").read_text()
    blocks = readme.split("(examples begin)")
    assert len(blocks) > 3
    (release / "README.md").write_text("(examples begin)".join(block.replace(" the ", " THE ", 1) for block in blocks))
    verbs = release / "tests/unit/commands/test_makefile.py"
    verbs.write_text(verbs.read_text().replace('"rollback", "traffic",', '"rollback", "traffic", "more",'))
    git(release, "add", "-A")
    git(release, "commit", "-q", "-m", "Release")
    git(ours, "fetch", "-q", str(release), "HEAD:refs/tags/v2")
    merge = ["git", "-C", ours, "-c", "user.name=a", "-c", "user.email=a@b", "merge", "-q", "--no-edit", "v2"]
    merged = subprocess.run(merge, capture_output=True, text=True, check=False)
    assert merged.returncode != 0, "an example that is gone here was changed there"
    assert (ours / added).exists()

    said = run(ours, "-m", "include.adopt.merged_examples", "v2")
    git(ours, "commit", "-q", "--no-edit")

    assert "2 files of the examples go" in said
    assert git(ours, "status", "--porcelain") == ""
    assert not (ours / example).exists()
    assert not (ours / added).exists()
    assert "THE" in (ours / "README.md").read_text()
    assert '"more",' in (ours / "tests/unit/commands/test_makefile.py").read_text()


def test_a_later_change_of_the_library_is_merged_without_a_conflict(
    project: Path, adopted: Path, tmp_path: Path
) -> None:
    # given what an adopter has committed, with an edit of their own
    ours = tmp_path / "ours"
    shutil.copytree(adopted, ours, symlinks=True)
    with (ours / "include/config/models/lapse.yml").open("a") as file:
        file.write("gates:\n  leakage: {max_score: 0.9}\n")
    git(ours, "add", "-A")
    git(ours, "commit", "-q", "-m", "Adopt our data")
    # and a release that changes library, shared settings, macros, documents and tests
    release = tmp_path / "release"
    git(tmp_path, "clone", "-q", str(project), str(release))
    changed = [
        "include/ingestion/land.py", "include/adopt/adopt.py", "dags/deploy_model.py", "plugins/orrery.py",
        "dbt/macros/restatement.sql", "dbt/models/staging/stg_deliveries.sql", "include/config/training.yml",
        "include/config/rollout.yml", "tests/unit/test_house.py", "docs/guides/analyst.md", "CHANGELOG.md",
    ]  # fmt: skip
    for name in changed:
        path = release / name
        path.write_text(path.read_text() + "\n")
    sources = release / "include/config/sources.yml"
    sources.write_text(sources.read_text().replace("# Keys of every source:\n", "# Keys of every source, by kind:\n"))
    (release / "include" / "new_room.py").write_text('"""New."""\n')
    git(release, "add", "-A")
    git(release, "commit", "-q", "-m", "Release")

    git(ours, "pull", "-q", "--no-rebase", "--no-edit", str(release), "HEAD")

    assert git(ours, "status", "--porcelain") == ""
    assert (ours / "include" / "new_room.py").exists()
    assert "max_score: 0.9" in (ours / "include/config/models/lapse.yml").read_text()
    merged = yaml.safe_load((ours / "include/config/sources.yml").read_text())
    assert list(merged["sources"]) == ["orders", "members"]
    assert "# Keys of every source, by kind:" in (ours / "include/config/sources.yml").read_text()
    assert not (ours / "include/example").exists()
