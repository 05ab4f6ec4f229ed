"""A job that was stopped anywhere and is run again ends with the bytes of one that was not."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.tagging.conftest import INPUT_FILES, SMALL, make_inputs, paragraphs, rejected, tagged
from tests.tagging.fake import FakeModel
from tests.tagging.faults import Crash, Disk
from training.errors import UserError
from training.tagging import Interrupted, Tuning, engine
from training.tagging.journal import Commit, Journal

ROOT = Path(__file__).parents[2]
OUTPUTS = ("t.jsonl", "t.csv.gz", "t.parquet")


@pytest.fixture
def inputs(tmp_path):
    """An archive of every format with some broken rows."""
    return make_inputs(tmp_path / "archive", rows=40)


def reference(run, inputs, output):
    """Bytes of an uninterrupted run: output and rejected rows."""
    folder = Path("whole")
    made = run.folder / folder / output
    made.parent.mkdir(exist_ok=True)
    run(inputs, str(folder / output))
    return made.read_bytes(), made.with_name(made.name + ".rejected.jsonl").read_bytes()


def result(run, output):
    made = run.folder / output
    return made.read_bytes(), made.with_name(made.name + ".rejected.jsonl").read_bytes()


@pytest.mark.parametrize("how", ["crash", "torn", "power"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_a_crash_at_any_operation_loses_nothing(run, inputs, output, how):
    wanted = reference(run, inputs, output)
    with Disk().installed() as disk:
        run(inputs, output)
    assert result(run, output) == wanted
    operations = disk.count
    assert operations > 60
    choice = random.Random(output + how)
    points = {*choice.sample(range(1, operations + 1), 14), *range(operations - 14, operations + 1)}
    for point in sorted(points):
        name = f"{point}{output}"
        crashes = 0
        for at in (point, choice.randint(1, operations), choice.randint(1, 20)):
            try:
                with Disk(at, how).installed():
                    run(inputs, name)
            except Crash:
                crashes += 1
                made = run.folder / name
                assert not made.exists() or made.read_bytes() == wanted[0]
                if made.exists() and not Path(f"{made}.partial", "plan.json").exists():
                    break
            else:
                break
        assert crashes
        if not (run.folder / name).exists() or Path(f"{run.folder / name}.partial", "plan.json").exists():
            summary = run(inputs, name)
            assert summary.rows_read == summary.rows_tagged + summary.rows_rejected
        assert result(run, name) == wanted


@pytest.mark.parametrize("how", ["ENOSPC", "EIO", "EDQUOT"])
def test_a_write_that_fails_is_told_and_the_job_goes_on_later(run, inputs, how):
    wanted = reference(run, inputs, "t.parquet")
    with Disk().installed() as disk:
        run(inputs, "t.parquet")
    choice = random.Random(how)
    for point in choice.sample(range(1, disk.count - 2), 20):
        name = f"{point}.parquet"
        with Disk(point, how).installed() as failing:
            try:
                run(inputs, name)
            except UserError as problem:
                assert name in str(problem)
                assert failing.failed == "mkdir" or "Make room, then run the same command again" in str(problem)
        run(inputs, name, force=(run.folder / name).exists())
        assert result(run, name) == wanted


def test_a_full_disk_leaves_no_output_and_what_was_done_is_kept(run, inputs, monkeypatch):
    real = os.write
    room = 4000

    def write(handle, data):
        nonlocal room
        if len(data) > room:
            if room:
                real(handle, bytes(data)[:room])
                room = 0
            raise OSError(28, "No space left on device")
        room -= len(data)
        return real(handle, data)

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(UserError, match=r"t\.jsonl: cannot be written: No space left on device.*Make room"):
        run(inputs, "t.jsonl")
    assert not (run.folder / "t.jsonl").exists()
    room = 10**9
    summary = run(inputs, "t.jsonl")
    assert summary.resumed
    assert result(run, "t.jsonl") == reference(run, inputs, "t.jsonl")


def test_rejected_rows_may_go_to_another_disk(run, inputs, tmp_path, monkeypatch):
    wanted = reference(run, inputs, "t.jsonl")
    other = tmp_path / "other"
    other.mkdir()
    real = os.replace

    def replace(source, target, **options):
        if Path(target).parent == other and Path(source).parent != other:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(source, target, **options)

    monkeypatch.setattr(os, "replace", replace)
    run(inputs, "t.jsonl", rejected=str(other / "aside.jsonl"))
    assert ((run.folder / "t.jsonl").read_bytes(), (other / "aside.jsonl").read_bytes()) == wanted
    assert [path.name for path in other.iterdir()] == ["aside.jsonl"]


def crash_midway(run, inputs, output="t.jsonl", at=40, **more):
    with pytest.raises(Crash), Disk(at).installed():
        run(inputs, output, **more)


def test_a_resumed_job_does_not_read_what_is_done(run, inputs, monkeypatch):
    crash_midway(run, inputs)
    starts = []
    real = engine.read

    def read(sources, start, *rest):
        starts.append(start)
        return real(sources, start, *rest)

    monkeypatch.setattr(engine, "read", read)
    assert run(inputs, "t.jsonl").resumed
    assert starts[0].offset > 0 or starts[0].source > 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": FakeModel(id="fake@2")}, 'model was "fake@1" and is "fake@2"'),
        ({"model": FakeModel(topics=("other",))}, "topics was"),
        ({"all_probabilities": True}, "option all_probabilities was False and is True"),
        ({"max_characters": 10}, "option max_characters was 1000000 and is 10"),
        ({"tuning": Tuning(600, 9, 0.0)}, r"pieces was \[600, 7\] and is \[600, 9\]"),
    ],
)
def test_another_model_or_option_is_refused_with_the_way_out(run, inputs, change, told):
    crash_midway(run, inputs)
    with pytest.raises(UserError, match=told) as problem:
        run(inputs, "t.jsonl", **change)
    assert "--force" in str(problem.value)
    summary = run(inputs, "t.jsonl", force=True, **change)
    assert not summary.resumed
    assert tagged(run.folder / "t.jsonl")


def test_threads_and_quietness_are_no_change(run, inputs):
    wanted = reference(run, inputs, "t.jsonl")
    crash_midway(run, inputs, threads=1)
    assert run(inputs, "t.jsonl", threads=3, quiet=False).resumed
    assert result(run, "t.jsonl") == wanted


def test_a_changed_input_is_noticed(run, inputs):
    crash_midway(run, inputs)
    changed = inputs[1]
    changed.write_bytes(changed.read_bytes() + changed.read_bytes())
    with pytest.raises(UserError, match=rf"{changed.name} has changed"):
        run(inputs, "t.jsonl")
    with pytest.raises(UserError, match=rf"{inputs[0].name} is gone"):
        run(inputs[1:], "t.jsonl")


def test_the_same_size_and_time_with_another_content_is_noticed(run, inputs):
    crash_midway(run, inputs)
    changed = inputs[0]
    times = changed.stat()
    changed.write_bytes(changed.read_bytes().replace(b"p1", b"q1"))
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(UserError, match="has changed"):
        run(inputs, "t.jsonl")


def test_an_input_that_changes_while_it_is_read_stops_the_job(run, tmp_path):
    archive = tmp_path / "in.jsonl"
    archive.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in paragraphs(50)))

    class Meddling(FakeModel):
        def predict_proba(self, texts, threads=1):
            with archive.open("ab") as file:
                file.write(b"\n")
            return super().predict_proba(texts)

    with pytest.raises(UserError, match=r"in\.jsonl: was changed while it was read"):
        run(archive, "t.jsonl", model=Meddling(), threads=1, tuning=Tuning(600, 5, 0.0))
    assert not (tmp_path / "t.jsonl").exists()


def test_an_input_that_vanishes_stops_the_job_until_it_is_back(run, inputs, monkeypatch):
    wanted = reference(run, inputs, "t.jsonl")
    last, away = inputs[-1], inputs[-1].with_suffix(".away")
    real = engine.read

    def read(*arguments):
        last.rename(away)
        return real(*arguments)

    monkeypatch.setattr(engine, "read", read)
    with pytest.raises(UserError, match=rf"{last.name}: (cannot be read|was there).*run the same command again"):
        run(inputs, "t.jsonl")
    monkeypatch.undo()
    away.rename(last)
    run(inputs, "t.jsonl")
    assert result(run, "t.jsonl") == wanted


def test_a_second_process_on_the_same_output_is_refused_at_once(run, inputs):
    held = Journal(run.folder / "t.jsonl", run.folder / "r")
    with pytest.raises(UserError, match=r"t\.jsonl: another process is writing it now"):
        run(inputs, "t.jsonl")
    held.close()
    run(inputs, "t.jsonl")


def test_a_lock_that_cannot_be_made_is_told(run, inputs):
    (run.folder / "t.jsonl.partial").mkdir()
    (run.folder / "t.jsonl.partial" / "lock").symlink_to(run.folder / "nowhere" / "lock")
    with pytest.raises(UserError, match=r"t\.jsonl\.partial: cannot be made: No such file.*Name another --output"):
        run(inputs, "t.jsonl")


def test_a_damaged_journal_is_used_as_far_as_it_is_whole(run, inputs):
    wanted = reference(run, inputs, "t.jsonl")
    crash_midway(run, inputs, at=60)
    journal = run.folder / "t.jsonl.partial" / "journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    assert len(lines) > 2
    journal.write_bytes(b"".join(lines[:2]) + lines[2][:-5] + b"\n" + b"".join(lines[3:]))
    assert run(inputs, "t.jsonl").resumed
    assert result(run, "t.jsonl") == wanted


def test_lost_output_is_noticed(run, inputs):
    crash_midway(run, inputs, at=60)
    os.truncate(run.folder / "t.jsonl.partial" / "output", 10)
    with pytest.raises(UserError, match=r"output is shorter than the journal says.*--force"):
        run(inputs, "t.jsonl")
    run(inputs, "t.jsonl", force=True)


def test_commits_survive_being_written_and_read():
    commit = Commit.from_line(Commit(**{**_commit(), "footers": [b"\x00\xff"]}).to_line())
    assert commit == Commit(**{**_commit(), "footers": [b"\x00\xff"]})
    line = commit.to_line()
    for cut in range(len(line)):
        assert Commit.from_line(line[:cut]) is None


def _commit():
    from training.tagging.summary import Counts
    from training.tagging.work import Position

    return {
        "position": Position(3, 1000, 17),
        "counts": Counts(5, 3, 2, 1, 4, 9, 1, {"bad “row”": 2}, 1, 1, ["in.gz"]),
        "output_bytes": 99,
        "rejected_bytes": 7,
    }


def test_resumed_parquet_is_one_ordinary_file(run, inputs):
    crash_midway(run, inputs, "t.parquet", at=60)
    run(inputs, "t.parquet")
    file = pq.ParquetFile(run.folder / "t.parquet")
    assert file.metadata.num_row_groups > 5
    assert file.metadata.num_rows == len(file.read())
    sizes = [file.metadata.row_group(at).num_rows for at in range(file.metadata.num_row_groups)]
    assert sizes == [file.read_row_group(at).num_rows for at in range(file.metadata.num_row_groups)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_finishes_the_batch_and_says_how_to_resume(run, inputs, number):
    wanted = reference(run, inputs, "t.jsonl")
    calls = []

    class Signalled(FakeModel):
        def predict_proba(self, texts, threads=1):
            calls.append(len(texts))
            if len(calls) == 8:
                os.kill(os.getpid(), number)
            return super().predict_proba(texts)

    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match=r"safe in .*t\.jsonl\.partial\. Run the same command again") as stopped:
        run(inputs, "t.jsonl", model=Signalled(), threads=1)
    assert stopped.value.exit_code == 128 + number
    assert signal.getsignal(number) is before
    assert not (run.folder / "t.jsonl").exists()
    summary = run(inputs, "t.jsonl")
    assert summary.resumed
    assert result(run, "t.jsonl") == wanted


def test_a_signal_when_all_is_read_lets_the_job_finish(run, inputs, monkeypatch):
    wanted = reference(run, inputs, "t.jsonl")
    real = engine.ShardedJob.end

    def end(job, position):
        os.kill(os.getpid(), signal.SIGTERM)
        return real(job, position)

    monkeypatch.setattr(engine.ShardedJob, "end", end)
    run(inputs, "t.jsonl")
    assert result(run, "t.jsonl") == wanted


DRIVER = textwrap.dedent("""
    import sys, time
    from tests.tagging.fake import FakeModel
    from training.tagging import Tuning, tag

    class Slow(FakeModel):
        def predict_proba(self, texts, threads=1):
            time.sleep(0.01)
            return super().predict_proba(texts)

    output, *inputs = sys.argv[1:]
    print("go", flush=True)
    tag(Slow(), inputs, output, quiet=True, tuning=Tuning(600, 7, 0.0))
""")


def start(output, inputs, stderr=None):
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(output), *map(str, inputs)], cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_killed_for_real_at_random_moments(run, inputs, seed):
    output = OUTPUTS[seed % 3]
    wanted = reference(run, inputs, output)
    choice = random.Random(seed)
    kills = 0
    made, partial = run.folder / output, run.folder / f"{output}.partial"
    for _ in range(6):
        if made.exists() and not (partial / "plan.json").exists():
            break  # killed when all was done
        with start(run.folder / output, inputs) as process:
            process.stdout.readline()
            try:
                process.wait(choice.random() * 0.5)
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
        assert process.returncode in (0, -signal.SIGKILL)
        if process.returncode == 0:
            break
    if not made.exists() or (partial / "plan.json").exists():
        with start(made, inputs) as process:
            assert process.wait() == 0
        assert not partial.exists()
    assert kills
    assert result(run, output) == wanted


@pytest.mark.slow
def test_two_processes_at_once_leave_one_whole_output(run, inputs):
    wanted = reference(run, inputs, "t.jsonl")
    with start(run.folder / "t.jsonl", inputs) as one, start(run.folder / "t.jsonl", inputs) as other:
        codes = {one.wait(), other.wait()}
    assert codes == {0, 1}
    assert result(run, "t.jsonl") == wanted


def test_input_files_are_of_every_table_format():
    assert {Path(name).suffix for name in INPUT_FILES} >= {".jsonl", ".csv", ".parquet", ".gz", ".zst", ".txt"}
    assert SMALL.commit_seconds == 0
    assert rejected(Path("nowhere")) == []


def test_what_lies_behind_the_last_commit_is_cut_off_however_much_it_is(run, inputs):
    wanted = reference(run, inputs, "t.jsonl")
    with Disk().installed() as disk:
        run(inputs, "t.jsonl")
    with pytest.raises(Crash), Disk(disk.count - 20, "crash").installed():
        run(inputs, "again.jsonl")
    for name in ("output", "rejected", "journal"):
        with (run.folder / "again.jsonl.partial" / name).open("ab") as stream:
            stream.write(b"never committed\n" * 10_000)
    run(inputs, "again.jsonl")
    assert result(run, "again.jsonl") == wanted
