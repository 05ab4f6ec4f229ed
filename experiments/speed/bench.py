"""Measures the speed of conflict-topics beside its peers and writes README.md here.

make bench                                     (BENCHMARKS=folder of the benchmark sets)
python -m experiments.speed.bench --quick      (a few minutes, figures are rough; writes nothing)
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from experiments.speed import profile, scoring, whole
from experiments.speed.material import archive_texts, train, write_archive
from experiments.speed.peers import FastText, peer_versions
from experiments.speed.table import Row, comparison
from training import load

HERE = Path(__file__).parent
VOCABULARY = 20_000  # paragraphs of the archive whose n-grams the "archive's own" models have
NAMES = {
    "word": "words 1–2 of the archive itself",
    "default": "words 1–2 and char_wb 3–5 of the archive itself",
}


def score_rows(
    words: Path, default: Path, rounds: int, sample: int, texts: list[str]
) -> tuple[list[Row], list[str]]:  # fmt: skip
    vocabulary, rest = texts[:VOCABULARY], texts[VOCABULARY:]
    rows, profiles = [], []
    models = {
        "word": (scoring.scorer_of(vocabulary, [scoring.WORDS]), (0, 0), (25.0, 10.0)),
        "default": (scoring.scorer_of(vocabulary, [scoring.WORDS, scoring.LETTERS]), (3, 5), (40.0, 8.0)),
    }
    for name, (scorer, subwords, goals) in models.items():
        fasttext = FastText(vocabulary, rest, subwords)
        rows += scoring.compare(NAMES[name], scorer, rest, rounds, sample, fasttext, goals)
        fasttext.close()
        profiles.append(profile.scoring_profile(NAMES[name], scorer, rest, rounds))
    for name, folder, goal in (("configs/words.yaml", words, 25.0), ("configs/default.yaml", default, 40.0)):
        rows += scoring.compare(f"model of {name}", load(folder).scorer, rest, rounds, sample, None, (goal, None))
    return rows, profiles


def measure(options: argparse.Namespace, folder: Path) -> tuple[list[Row], list[str]]:
    quick = options.quick
    rounds = 3 if quick else 7
    texts = archive_texts()
    log("training the two shipped configurations")
    words, default = folder / "words", folder / "default"
    train("configs/words.yaml", words)
    train("configs/default.yaml", default)  # compiles what is not compiled yet
    trained = train("configs/default.yaml", default)
    place = whole.Place(folder, words, default, write_archive(folder, texts, 1 if quick else 5))
    rows: list[Row] = []
    log("scoring")
    some, profiles = score_rows(words, default, rounds, 500 if quick else 2000, texts)
    rows += some
    log("tagging")
    whole.one_paragraph(place, words)
    rows += whole.tagging_rows(place, 1 if quick else 3)
    rows += whole.workers_rows(place, 2, 1 if quick else 3)
    log("memory")
    rows.append(whole.memory_row(place, 400_000 if quick else options.paragraphs))
    log("start-up, features")
    rows += whole.startup_rows(place, rounds)
    rows.append(scoring.features_row(texts[: VOCABULARY // (10 if quick else 2)], 3, 10.0))
    rows.append(whole.training_row(trained))
    rows += [whole.size_row("configs/words.yaml", words), whole.size_row("configs/default.yaml", default)]
    for name, model in (("configs/words.yaml", words), ("configs/default.yaml", default)):
        profiles.append(profile.tagging_profile(name, model, place.archive, 10 if quick else 60))
    if not quick:
        log("reuters21578")
        rows += whole.reuters_rows(folder)
    return rows, profiles


def readme(rows: list[Row], profiles: list[str], load_before: float, seconds: float) -> str:
    packages = {name: version(name) for name in ("numba", "numpy", "pyarrow", "scikit-learn")} | peer_versions()
    notes = (HERE / "NOTES.md").read_text(encoding="utf-8")
    return f"""# Speed

{comparison(rows)}

Written by `make bench` on {datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d} in {seconds / 60:.0f} minutes.
{_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB; {platform.system()} {platform.release()}; load average {load_before:.1f}
at the start, {os.getloadavg()[0]:.1f} at the end. Python {platform.python_version()}, {", ".join(f"{name} {number}" for name, number in packages.items())}.
`wc` counts in the locale {os.environ.get("LC_ALL") or os.environ.get("LANG") or "C"}.

## Where the time goes

{(chr(10) * 2).join(profiles)}

{notes}"""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    found = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return (
        f"{found.get('model name', platform.machine())} (family {found.get('cpu family')}, model {found.get('model')})"
    )


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)


def log(stage: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {stage} …", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small archive and few rounds; prints, writes nothing")
    parser.add_argument("--paragraphs", type=int, default=10_000_000, help="for the row on memory [10,000,000]")
    parser.add_argument("--folder", type=Path, help="for the archive and models, about 2 GiB [a temporary one]")
    options = parser.parse_args()
    load_before, began = os.getloadavg()[0], time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        rows, profiles = measure(options, Path(name))
    text = readme(rows, profiles, load_before, time.monotonic() - began)
    print(text)
    if not options.quick:
        (HERE / "README.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
