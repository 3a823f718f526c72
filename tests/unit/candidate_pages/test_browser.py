"""The pages in a real browser: the rules of axe-core for those who cannot see or point, and a phone's width."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from include.candidate_pages.render import render_candidate, render_index
from include.candidate_pages.views import view_candidate, view_index
from tests.unit.candidate_pages.records import judge_good, make_records, make_training

ROOT = "/candidates"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PHONE, LAPTOP = 390, 1280
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
CHECK = """
axe.run(document, {runOnly: RULES}).then(found => {
  parent.document.getElementById('found').textContent = JSON.stringify({
    violations: found.violations.map(one => [one.id, one.nodes.map(node => node.html).slice(0, 3)]),
    passed: found.passes.length,
    wider: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  });
});
"""


@pytest.fixture(scope="module")
def browser() -> str:
    """Chromium or Chrome of this machine."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("needs Chromium or Chrome")
    return found


def examine(browser: str, page: str, width: int, folder: Path) -> dict[str, Any]:
    """What axe-core finds on a page in a window of a width, and by how much the page is wider than that."""
    axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    scripts = f"<script>{axe}</script><script>{CHECK.replace('RULES', json.dumps(RULES))}</script></body>"
    inner = html.escape(page.replace("</body>", scripts))
    outer = f'<pre id="found"></pre><iframe style="border:0;width:{width}px;height:3000px" srcdoc="{inner}"></iframe>'
    (folder / "page.html").write_text(f"<!doctype html><meta charset=utf-8>{outer}", encoding="utf-8")
    done = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=60000", "--dump-dom",
            f"--user-data-dir={folder / 'profile'}", f"--window-size={LAPTOP + 40},3100", f"file://{folder}/page.html",
        ],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    found = re.search(r'<pre id="found">(.+?)</pre>', done.stdout, re.DOTALL)
    assert found is not None, done.stderr[-2000:]
    result: dict[str, Any] = json.loads(html.unescape(found[1]))
    return result


def make_pages() -> dict[str, str]:
    """One page of each kind, with everything on it."""
    failed = {"is_passed": False, "severity": "blocking"}
    refused = judge_good("binary", calibration=failed, fairness={**failed, "severity": "ask", "is_clear": False})
    return {
        "index": render_index(view_index([make_training()], ["failures", "other"], ROOT), ROOT),
        "refused": render_candidate(view_candidate(make_records("binary", "refuse", refused), ROOT), ROOT),
        "regression": render_candidate(view_candidate(make_records("regression"), ROOT), ROOT),
    }


@pytest.mark.needs("axe_core_python")
@pytest.mark.parametrize("width", [PHONE, LAPTOP])
@pytest.mark.parametrize("name", ["index", "refused", "regression"])
def test_nobody_is_kept_from_reading_a_page(browser: str, tmp_path: Path, name: str, width: int) -> None:
    found = examine(browser, make_pages()[name], width, tmp_path)

    assert found["violations"] == []
    assert found["passed"] > 10
    assert found["wider"] <= 0


@pytest.mark.needs("axe_core_python")
def test_a_page_that_keeps_people_out_is_found(browser: str, tmp_path: Path) -> None:
    page = '<!doctype html><html><body><img src="x"><p style="width:600px;color:#eee">pale</p></body></html>'
    found = examine(browser, page, PHONE, tmp_path)

    assert {"image-alt", "html-has-lang"} <= {rule for rule, _ in found["violations"]}
    assert found["wider"] > 0
