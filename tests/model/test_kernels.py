"""The ground of the kernels: what is not a matter of text."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from training.model.kernels import is_ours


def test_machine_code_is_not_taken_from_where_others_can_put_it(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "own")
    (tmp_path / "file").write_bytes(b"")
    assert [is_ours(tmp_path / name) for name in ("own", "open", "link", "file")] == [True, False, False, False]


NOBODY = """
import os, pwd, sys, tempfile
os.environ.pop("HOME", None)
pwd.getpwuid = lambda uid: {}[uid]
def refuse(*_, **__):
    raise OSError("read-only")
if "unwritable" in sys.argv:
    tempfile.TemporaryFile = refuse
import training.model.classifier
"""


@pytest.mark.parametrize("place", ["writable", "unwritable"])
def test_who_has_no_home_and_no_place_for_machine_code_can_train_too(place: str) -> None:
    done = subprocess.run([sys.executable, "-c", NOBODY, place], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
