"""``make setup``: the virtual environment ``.venv`` with everything that ``requirements.lock`` pins.

Runs on the machine's own Python with nothing installed. Packages are installed by uv: the one on the PATH,
or else one that pip puts into the environment. Settings for pip hold for uv as well.

With ``--check``, run by the environment's own Python, it says whether and why anything is to be done: the
stamp holds a fingerprint of what was installed, because other programs install into ``.venv``, too (``astro
dev start --standalone`` puts other versions there).
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / ".installed"
UV_VERSION = "0.13.9"

_UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX", "trusted-host": "UV_INSECURE_HOST", "constraint": "UV_CONSTRAINT",
    "cert": "SSL_CERT_FILE", "timeout": "UV_HTTP_TIMEOUT", "default-timeout": "UV_HTTP_TIMEOUT", "proxy": "ALL_PROXY",
}  # fmt: skip


def main() -> int:
    """Make or complete the environment; the exit code."""
    started_at = time.monotonic()
    environment = {**translate_pip_settings(read_pip_settings(), os.environ), "VIRTUAL_ENV": str(VENV)}
    try:
        uv = prepare_venv(shutil.which("uv"), environment)
        say(f"Installing what {LOCK.name} pins (the first time this downloads about 700 MB)")
        # On a terminal uv shows its progress, elsewhere it says nothing but errors.
        quiet = [] if sys.stderr.isatty() else ["--quiet"]
        run([uv, "pip", "install", *quiet, "--python", str(VENV / "bin" / "python"), "-r", str(LOCK)], environment)
    except subprocess.CalledProcessError as error:
        say(f"✘ {' '.join(map(str, error.cmd))} failed (exit code {error.returncode}); its message stands above.")
        return 1
    STAMP.write_text(json.dumps(read_fingerprint()), encoding="utf-8")
    say(f"✔ {VENV.name} is ready after {time.monotonic() - started_at:.0f} s")
    return 0


def check() -> int:
    """0 when what was installed is there as it was; else 1, and one line that says why to install again."""
    reason = explain_difference()
    if reason:
        say(f"{VENV.name} is completed: {reason}.")
    return int(bool(reason))


def explain_difference() -> str:
    """What is not as it was after the last installation; empty if nothing."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return "make setup has not finished in it"
    reasons = {
        "lock": f"{LOCK.name} has changed",
        "python": "its Python is another version",
        "packages": "another program has installed or removed packages in it",
    }
    now = read_fingerprint()
    return next((reason for part, reason in reasons.items() if now[part] != stamp.get(part)), "")


def read_fingerprint() -> dict[str, str]:
    """The lock file, the environment's version of Python, and the names and versions of its packages, hashed."""
    folders = sorted(path.parent.name for path in VENV.glob("lib/*/site-packages"))
    packages = sorted(path.name for path in VENV.glob("lib/*/site-packages/*.dist-info"))
    return {
        "lock": hashlib.sha256(LOCK.read_bytes()).hexdigest(),
        "python": " ".join(folders),
        "packages": hashlib.sha256("\n".join(packages).encode()).hexdigest(),
    }


def prepare_venv(uv: str | None, environment: Mapping[str, str]) -> str:
    """Create the environment unless a fitting one exists; returns the uv to install with."""
    if not is_fitting(VENV / "bin" / "python"):
        say(f"Creating {VENV.name} with Python {sys.version_info.major}.{sys.version_info.minor} ({sys.executable})")
        if uv:
            run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)], environment)
        else:
            create_with_venv(environment)
    if uv:
        return uv
    own = VENV / "bin" / "uv"
    if not own.exists():
        say("Installing uv, which installs the rest much faster than pip")
        run([*find_pip(), "install", "--quiet", f"uv=={UV_VERSION}"], environment)
    return str(own)


def create_with_venv(environment: Mapping[str, str]) -> None:
    """``python -m venv``, also where the system has packaged ensurepip away but left pip."""
    has_ensurepip = importlib.util.find_spec("ensurepip") is not None
    if not has_ensurepip and importlib.util.find_spec("pip") is None:
        raise SystemExit(
            f"✘ {sys.executable} has neither ensurepip nor pip. Install the system's package for it "
            "(Debian and Ubuntu: python3-venv), or uv (https://docs.astral.sh/uv), then run make setup again."
        )
    options = [] if has_ensurepip else ["--without-pip"]
    run([sys.executable, "-m", "venv", "--clear", *options, str(VENV)], environment)


def find_pip() -> list[str]:
    """The command that installs into the environment: its own pip, or the machine's pip aimed at it."""
    python = VENV / "bin" / "python"
    if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
        return [str(python), "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", str(python)]


def read_pip_settings() -> dict[str, str]:
    """What pip has been told on this machine, by files or by environment; later ones win."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    pairs = [line.partition("=") for line in listing.splitlines() if not line.startswith(":env:")]
    from_files = {key.rsplit(".", 1)[-1]: str(ast.literal_eval(value)) for key, _, value in pairs}
    from_environment = {
        name.removeprefix("PIP_").lower().replace("_", "-"): value
        for name, value in os.environ.items()
        if name.startswith("PIP_")
    }
    return {**from_files, **from_environment}


def translate_pip_settings(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for uv: pip's settings under uv's names, unless uv has been told itself."""
    translated = {
        _UV_NAMES[key]: " ".join(value.split()) for key, value in settings.items() if key in _UV_NAMES and value.strip()
    }
    if "UV_FIND_LINKS" in translated:
        translated["UV_FIND_LINKS"] = ",".join(translated["UV_FIND_LINKS"].split())
    if "UV_INDEX" in translated:
        # As pip does: the wanted version from whichever index has it.
        translated["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {**translated, **environment}


def is_fitting(python: Path) -> bool:
    """Whether an interpreter runs and is of a version that the lock file is for."""
    check = "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))"
    try:
        return subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(command: list[str], environment: Mapping[str, str]) -> None:
    """Run a command; CalledProcessError if it fails."""
    subprocess.run(command, env=environment, check=True, cwd=ROOT)


def say(line: str) -> None:
    """Write one line at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(check() if sys.argv[1:] == ["--check"] else main())
