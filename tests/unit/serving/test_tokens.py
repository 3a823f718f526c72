"""Where callers come from, what is wrong with them, and how their tokens change without a restart."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from include.errors import SettingsError
from include.serving import tokens as tokens_module
from include.serving.access import AccessRules, Role, find_caller
from include.serving.tokens import TokenFile, choose_rules, is_loopback, parse_callers, write_entry

ONE = "one-token-of-24-characters-or-more"
TWO = "two-token-of-24-characters-or-more"
HOSTS = frozenset({"localhost"})


def name(rules: AccessRules, token: str) -> str:
    """Whose token it is, or ''."""
    return find_caller(token.encode(), rules.callers).name


def test_a_caller_has_a_name_a_role_and_a_token_or_its_hash() -> None:
    digest = hashlib.sha256(TWO.encode()).hexdigest()
    text = f"# who asks\nweb:predict:{ONE}   # a client\n\n  ci.job:stage:sha256:{digest} root:admin:{'x' * 24}==\n"
    callers = parse_callers(text, "here")
    assert [(caller.name, caller.role) for caller in callers] == [
        ("web", Role.PREDICT), ("ci.job", Role.STAGE), ("root", Role.ADMIN),
    ]  # fmt: skip
    rules = AccessRules(callers)
    assert (name(rules, ONE), name(rules, TWO), name(rules, "x" * 24 + "==")) == ("web", "ci.job", "root")
    assert name(rules, digest) == ""


def test_only_hashes_of_tokens_are_kept() -> None:
    rules = choose_rules({"ORRERY_SERVER_TOKENS": f"web:predict:{ONE}"}, HOSTS, "0.0.0.0")()
    assert ONE not in repr([vars(rules), *((c.name, c.role, c.sha256) for c in rules.callers)])
    assert hashlib.sha256(ONE.encode()).hexdigest() not in repr(rules)


def test_a_caller_may_have_two_tokens_while_one_takes_the_place_of_the_other() -> None:
    rules = AccessRules(parse_callers(f"web:predict:{ONE} web:predict:{TWO}", "here"))
    assert name(rules, ONE) == name(rules, TWO) == "web"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "names no caller"),
        (" \n# nothing\n", "names no caller"),
        (ONE, "entry 1: expected name:role:token"),
        (f"web:{ONE}", "entry 1: expected name:role:token"),
        ("web:predict:", "entry 1: expected name:role:token"),
        (f"Web:predict:{ONE}", "entry 1: expected name:role:token"),
        (f"web:root:{ONE}", "entry 1: 'web' has no role of predict, stage, admin"),
        (f"web:nobody:{ONE}", "entry 1: 'web' has no role of predict, stage, admin"),
        ("web:predict:short", "entry 1: the token of 'web' has fewer than 24 characters"),
        ("web:predict:{'a': 'token of a mapping'}", "entry 1: the token of 'web'"),
        (f"web:predict:sha256:{'0' * 63}", "entry 1: what follows sha256: of 'web'"),
        (f"web:predict:sha256:{'z' * 64}", "entry 1: what follows sha256: of 'web'"),
        (f"web:predict:{ONE} ci:stage:{ONE}", "entry 2: 'ci' has the token of 'web'"),
        (f"web:predict:{ONE} web:admin:{TWO}", "entry 2: 'web' has the role admin, and predict before"),
    ],
)
def test_wrong_content_names_the_entry_and_never_the_token(text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_callers(text, "here")
    assert problem in str(refused.value)
    assert not [secret for secret in (ONE, TWO, "short") if secret in str(refused.value)]


def test_without_tokens_nothing_starts_but_an_open_server_on_this_machine_that_is_asked_for() -> None:
    for host in ("127.0.0.1", "0.0.0.0"):
        with pytest.raises(SettingsError, match=r"ORRERY_SERVER_TOKENS names no caller .*--open"):
            choose_rules({}, HOSTS, host)
    for host in ("0.0.0.0", "::", "10.0.0.1", "model-server", ""):
        with pytest.raises(SettingsError, match=r"--open lets everybody in"):
            choose_rules({}, HOSTS, host, is_open=True)
    for host in ("127.0.0.1", "::1", "localhost"):
        assert choose_rules({}, HOSTS, host, is_open=True)() == AccessRules((), HOSTS, is_open=True)


def test_two_sources_of_tokens_or_tokens_of_an_open_server_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"web:predict:{ONE}")
    both = {"ORRERY_SERVER_TOKENS": f"web:predict:{ONE}", "ORRERY_SERVER_TOKENS_FILE": str(file)}
    with pytest.raises(SettingsError, match="Both ORRERY_SERVER_TOKENS and ORRERY_SERVER_TOKENS_FILE"):
        choose_rules(both, HOSTS, "127.0.0.1")
    for variable, value in both.items():
        with pytest.raises(SettingsError, match=f"--open asks for no tokens, and {variable} is set"):
            choose_rules({variable: value}, HOSTS, "127.0.0.1", is_open=True)


def test_this_machine_alone_is_reached_by_loopback() -> None:
    assert is_loopback("127.8.9.1")
    assert not is_loopback("192.168.0.1")


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"web:predict:short"])
def test_a_file_that_is_absent_or_wrong_at_the_start_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "tokens"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=str(file)):
        choose_rules({"ORRERY_SERVER_TOKENS_FILE": str(file)}, HOSTS, "127.0.0.1")


@pytest.fixture
def token_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, TokenFile]:
    """A file with one caller that is looked at at each request."""
    monkeypatch.setattr(tokens_module, "LOOK_EVERY_S", 0.0)
    file = tmp_path / "tokens"
    file.write_text(f"web:predict:{ONE}\n")
    return file, TokenFile(file, HOSTS)


def put(file: Path, text: str) -> None:
    """Replace the file as Kubernetes and most editors do."""
    draft = file.with_suffix(".new")
    draft.write_text(text)
    draft.replace(file)


def test_a_changed_file_counts_without_a_restart(token_file: tuple[Path, TokenFile]) -> None:
    file, tokens = token_file
    assert (name(tokens.read(), ONE), name(tokens.read(), TWO)) == ("web", "")
    put(file, f"web:predict:{ONE} web:predict:{TWO}")
    assert name(tokens.read(), ONE) == name(tokens.read(), TWO) == "web"
    put(file, f"web:predict:{TWO}")
    assert (name(tokens.read(), ONE), name(tokens.read(), TWO)) == ("", "web")
    assert tokens.read().hosts == HOSTS


def test_a_file_that_has_become_wrong_changes_nothing_and_is_said_once(
    token_file: tuple[Path, TokenFile], caplog: pytest.LogCaptureFixture
) -> None:
    file, tokens = token_file
    put(file, f"web:predict:{TWO} web")
    for _ in range(3):
        assert name(tokens.read(), ONE) == "web"
    file.unlink()
    for _ in range(3):
        assert name(tokens.read(), ONE) == "web"
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 2
    assert "entry 2: expected name:role:token" in errors[0]
    assert "cannot be read: No such file" in errors[1]
    assert not [secret for secret in (ONE, TWO) if secret in caplog.text]
    put(file, f"web:predict:{TWO}")
    assert name(tokens.read(), TWO) == "web"


def test_a_file_is_not_looked_at_for_each_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_module, "LOOK_EVERY_S", 1e6)
    file = tmp_path / "tokens"
    file.write_text(f"web:predict:{ONE}")
    tokens = TokenFile(file, HOSTS)
    put(file, f"web:predict:{TWO}")
    assert name(tokens.read(), ONE) == "web"


def test_an_entry_with_a_hash_is_read_again() -> None:
    (caller,) = parse_callers(write_entry("web", Role.STAGE, ONE), "here")
    assert (caller.name, caller.role) == ("web", Role.STAGE)
    assert find_caller(ONE.encode(), [caller]) is caller
