"""The ground of the kernels: what is not a matter of text."""

from __future__ import annotations

from pathlib import Path

from training.model.kernels import is_ours


def test_machine_code_is_not_taken_from_where_others_can_put_it(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "own")
    (tmp_path / "file").write_bytes(b"")
    assert [is_ours(tmp_path / name) for name in ("own", "open", "link", "file")] == [True, False, False, False]
