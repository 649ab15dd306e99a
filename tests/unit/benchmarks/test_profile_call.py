"""The look into the router alone."""

from __future__ import annotations

import pytest

from benchmarks.profile_call import KINDS, main


def test_every_kind_of_call_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--calls", "100", "--runs", "1"])

    lines = capsys.readouterr().out.splitlines()
    assert [line[:18].strip() for line in lines] == [*KINDS]
    assert all("µs, floor" in line for line in lines)


def test_the_functions_on_the_way_of_a_call_are_listed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["--kinds", "def", "--calls", "100", "--functions"])

    assert "receive session.py" in capsys.readouterr().out


def test_the_steps_of_a_call_add_up_to_it(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--calls", "100", "--runs", "1", "--steps"])

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert all(line.endswith(" µs") for line in lines)
