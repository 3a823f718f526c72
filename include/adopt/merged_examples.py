"""``python -m include.adopt.merged_examples RELEASE``: what a merged release brings of the examples goes again.

Told by content: a file below a path of the release's own list that is the release's to the byte, or that git calls
deleted by us. A file that git could not merge is merged again without the lines of examples of either release; what
then still differs on both sides is left to a person.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from include.adopt.examples import (
    LIST,
    Removal,
    is_below,
    read_marked,
    read_patterns,
    remove_examples,
    run_git,
    strip_examples,
)
from include.commands.console import list_some, run_command, say
from include.errors import AdoptError
from include.settings import PROJECT_ROOT

OURS = ("0", "2")
"""The stages in git's index of a file that this side has."""


def main(arguments: Sequence[str] | None = None, root: Path = PROJECT_ROOT) -> int:
    """Take the release's examples out, and stage that; the exit code, 1 while git has conflicts."""
    parser = argparse.ArgumentParser(prog="python -m include.adopt.merged_examples", description=__doc__)
    parser.add_argument("release", metavar="RELEASE", nargs="?", help="a tag or commit that was merged")
    options = parser.parse_args(arguments)
    if not options.release:
        raise AdoptError("No release is named; give what was merged: make drop-examples RELEASE=v1.2.0.")
    removal = plan_merged(root, options.release)
    remove_examples(root, removal)
    changed = [*removal.paths, *removal.texts]
    if changed:
        run_git(root, "add", "--all", "--", *map(str, changed))
    say(f"✔ {removal.describe()}.")
    left = [str(path) for path, found in _list_stages(root).items() if list(found) != ["0"]]
    if left:
        say(f"✘ Both sides have changed lines of {list_some(left)}. Edit them, then: git add, git commit.")
        return 1
    if changed:
        say("That is staged: git commit, or git commit --amend --no-edit where the merge is committed already.")
    return 0


def plan_merged(root: Path, release: str) -> Removal:
    """What a release has brought of its examples.

    Raises:
        AdoptError: the examples are still here, there is no such release, it is not merged, it has no list of examples,
            or a file that would go was changed since it was merged.
    """
    if run_git(root, "ls-tree", "HEAD", "--", str(LIST)):
        raise AdoptError("The examples have not left this checkout yet; make adopt takes them out.")
    theirs = _list_theirs(root, release)
    patterns = read_patterns(run_git(root, "show", f"{release}:{LIST.as_posix()}"))
    stages = _list_stages(root)
    gone = [
        path
        for path, found in stages.items()
        if any(is_below(path, pattern) for pattern in patterns)
        and (found == {"0": theirs.get(path)} or not any(stage in found for stage in OURS))
    ]
    edited = run_git(root, "diff", "--name-only", "--diff-filter=M", "-z").split("\0")
    changed = [name for name in edited if Path(name) in gone]
    if changed:
        raise AdoptError(
            f"Nothing was removed: {list_some(changed)} changed since {release} was merged, and would be lost. "
            "Commit or stash the changes, and run again."
        )
    marked = {path: read_marked(root / path) for path, found in stages.items() if list(found) == ["0"]}
    texts = {path: strip_examples(text, path) for path, text in marked.items() if text is not None and path not in gone}
    torn = {path: _merge_again(root, path, found) for path, found in stages.items() if set(found) == {"1", "2", "3"}}
    return Removal(tuple(gone), texts | {path: text for path, text in torn.items() if text is not None})


def _merge_again(root: Path, path: Path, stages: dict[str, str]) -> str | None:
    """The text of a file in conflict, merged without the lines of examples; None where that is a conflict, too."""
    try:
        texts = {stage: run_git(root, "cat-file", "blob", content) for stage, content in stages.items()}
    except UnicodeDecodeError:
        return None  # no text
    with tempfile.TemporaryDirectory() as place:
        for stage, text in texts.items():
            (Path(place) / stage).write_bytes(strip_examples(text, path).encode())
        try:
            return run_git(Path(place), "merge-file", "--stdout", "2", "1", "3")
        except AdoptError:  # git ends with the number of conflicts
            return None


def _list_theirs(root: Path, release: str) -> dict[Path, str]:
    """The release's files with git's hash of what they hold."""
    try:
        commit = run_git(root, "rev-parse", "--verify", "--quiet", f"{release}^{{commit}}").strip()
    except AdoptError as error:
        raise AdoptError(f"There is no {release} in this checkout. Fetch it: git fetch upstream --tags.") from error
    merging = root / run_git(root, "rev-parse", "--git-path", "MERGE_HEAD").strip()
    merged = [*(merging.read_text(encoding="utf-8").split() if merging.exists() else []), "HEAD"]
    if not any(run_git(root, "merge-base", "--all", commit, head).split() == [commit] for head in merged):
        raise AdoptError(f"{release} is not merged here. Merge it first: git merge {release}.")
    lines = run_git(root, "ls-tree", "-r", "-z", commit).split("\0")
    return {Path(name): words.split()[2] for words, _, name in (line.partition("\t") for line in lines) if name}


def _list_stages(root: Path) -> dict[Path, dict[str, str]]:
    """Of each file in git's index, the hash of each stage that it has."""
    found: dict[Path, dict[str, str]] = defaultdict(dict)
    for line in run_git(root, "ls-files", "--stage", "-z").split("\0"):
        words, _, name = line.partition("\t")
        if name:
            _, content, stage = words.split()
            found[Path(name)][stage] = content
    return found


if __name__ == "__main__":
    raise SystemExit(run_command(main))
