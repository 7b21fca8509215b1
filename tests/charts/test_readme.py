"""The chart's README is written from its values, and says all of them."""

from __future__ import annotations

import pytest

from tools import chart_readme


def test_the_readme_is_what_the_values_say() -> None:
    """`make chart-readme` writes it."""
    assert chart_readme.README.read_text(encoding="utf-8") == chart_readme.readme()


def test_a_readme_that_is_not_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chart_readme.main(["--check"]) == 0

    monkeypatch.setattr(chart_readme, "readme", lambda: "something else")

    assert chart_readme.main(["--check"]) == 1
    assert "make chart-readme" in capsys.readouterr().out
