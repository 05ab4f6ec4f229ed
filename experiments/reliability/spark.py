"""Paragraphs tagged in a second by the local engine and by Spark, on this machine, and what that means for an archive.

    BENCHMARKS=… python -m experiments.reliability.spark [--model experiments/models/default] [--copies 5] [--runs 3]

Cuts $BENCHMARKS/archive, taken ``--copies`` times over, into Parquet parts; tags them with each engine ``--runs`` times
and once before that, which starts what is to be started; compares what came out. Writes spark.md beside this file, and
the same table into README.md.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyspark

from training import load
from training.tagging import tag
from training.tagging.spark_files import tag_files
from training.tagging.spark_session import spark_session

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"
BEGIN, END = "<!-- written by experiments/reliability/spark.py -->", "<!-- end -->"
PARTS = 8
MASTERS = {"Spark, `local[2]`": "local[2]", "Spark, `local-cluster[2,1,1024]`": "local-cluster[2,1,1024]"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="experiments/models/default")
    parser.add_argument("--copies", type=int, default=5)
    parser.add_argument("--runs", type=int, default=3)
    chosen = parser.parse_args()
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE.parents[1]), os.environ.get("PYTHONPATH")]))
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as place:
        archive = Path(place) / "archive"
        rows, text_bytes = write_parts(archive, chosen.copies)
        measured = measure(chosen.model, archive, Path(place), chosen.runs)
        same = compare(Path(place))
    table = [
        "| engine | cores | paragraphs/s | the first run, with starting | a billion paragraphs |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {cores} | {rows / seconds:,.0f} | {first:.0f} s | {1e9 * seconds / rows / 3600:.1f} h |"
            for name, cores, first, seconds in measured
        ),
    ]
    text = page(table, reckoning(measured, rows, text_bytes), rows, same, chosen, load_before)
    (HERE / "spark.md").write_text(text, encoding="utf-8")
    into_readme([*table, "", reckoning(measured, rows, text_bytes)])
    sys.stdout.write(text)


def write_parts(folder: Path, copies: int) -> tuple[int, int]:
    """The archive as Parquet parts of one size; how many paragraphs, and the bytes of their text."""
    folder.mkdir()
    rows: list[dict[str, Any]] = []
    for path in sorted((Path(os.environ["BENCHMARKS"]) / "archive").glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            rows += [json.loads(line) for line in lines]
    table = pa.Table.from_pylist([{name: row[name] for name in ("paragraph_id", "article_id", "text")} for row in rows])
    size = -(-len(rows) * copies // PARTS)
    whole = pa.concat_tables([table] * copies)
    for part in range(PARTS):
        pq.write_table(whole.slice(part * size, size), folder / f"part-{part:05d}.parquet")
    return len(whole), int(pc.sum(pc.binary_length(whole["text"])).as_py())


def measure(model: str, archive: Path, place: Path, runs: int) -> list[tuple[str, int, float, float]]:
    """(engine, cores, seconds of the first run, median seconds of the others)."""
    began = time.perf_counter()
    loaded = load(model)
    found = []
    for name, cores in (("local", 1), ("local", 2)):
        output = str(place / f"local-{cores}.parquet")

        def on_this_machine(cores: int = cores, output: str = output) -> None:
            tag(loaded, [str(archive)], output, threads=cores, quiet=True, force=True)

        found.append((f"{name}, {cores} thread{'s' * (cores > 1)}", cores, *timed(on_this_machine, runs, began)))
        began = time.perf_counter()
    for name, master in MASTERS.items():
        began = time.perf_counter()
        with spark_session(master) as session:
            output = str(place / master.partition("[")[0])

            def on_spark(session: Any = session, output: str = output) -> None:
                tag_files(session, model, [str(archive)], output, quiet=True, force=True)

            found.append((name, 2, *timed(on_spark, runs, began)))
    return found


def timed(job: Callable[[], None], runs: int, began: float) -> tuple[float, float]:
    job()
    first = time.perf_counter() - began
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        job()
        seconds.append(time.perf_counter() - start)
    return first, statistics.median(seconds)


def compare(place: Path) -> int:
    """How many records each engine wrote, all of them the same."""
    local = pq.read_table(place / "local-1.parquet")
    for other in (place / "local-2.parquet", *(place / master.partition("[")[0] for master in MASTERS.values())):
        assert pq.read_table(other).equals(local), other
    return len(local)


def reckoning(measured: list[tuple[str, int, float, float]], rows: int, text_bytes: int) -> str:
    """What a billion paragraphs take, from the slowest of the measured rates for one core."""
    each = min(rows / seconds / cores for _, cores, _, seconds in measured[2:])
    return (
        f"A billion paragraphs ({1e9 * text_bytes / rows / 1e9:,.0f} GB of such text), reckoned from Spark's {each:,.0f} paragraphs/s for each core here: "
        f"{1e9 / each / 3600:.1f} core-hours. That is {1e9 / each / 3600 / 8:.1f} hours on one machine of 8 cores, or "
        f"{1e9 / each / 60 / 64:.0f} minutes on 64 cores, if the files can be read as fast."
    )


def page(table: list[str], reckoned: str, rows: int, same: int, chosen: Any, load_before: float) -> str:
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"""# From a laptop to a cluster: paragraphs a second

Measured on {time.strftime("%Y-%m-%d")} by `BENCHMARKS=… python -m experiments.reliability.spark --copies {chosen.copies}
--runs {chosen.runs}`: {rows:,} paragraphs in {PARTS} Parquet parts, {machine}, pyarrow {pa.__version__}, Spark
{pyspark.__version__}. The load of the machine before it began was {load_before:.1f} (0 is quiet). Rates are those of the median run,
from files to files; starting the engine and loading the model count in the first run only. All engines wrote the same
{same:,} records.

{chr(10).join(table)}

{reckoned}
"""


def into_readme(lines: list[str]) -> None:
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if not rest or not after:
        raise SystemExit(f"{README} lacks the marks {BEGIN} and {END}")
    README.write_text(f"{before}{BEGIN}\n{chr(10).join(lines)}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
