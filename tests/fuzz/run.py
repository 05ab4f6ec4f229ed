"""Fuzz one target with atheris (coverage-guided; Google's libFuzzer underneath).

    python -m tests.fuzz.run TARGET --seconds 60 [--seed 1] [--keep FOLDER]

Begins with the seeds and with what was found before (``corpus/TARGET/``). What is found is written to FOLDER
(``corpus/TARGET/`` unless told otherwise), where ``test_fuzz.py`` tries it ever after. Ends with 0 if nothing was found.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
# What is instrumented cannot be compiled.
COMPILED = [f"training.model.{path.stem}" for path in (ROOT / "training" / "model").glob("kernels*.py")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    parser.add_argument(
        "--work", type=Path, help="where inputs that reach new code are kept, to go on from another time"
    )
    chosen = parser.parse_args()
    import atheris

    with atheris.instrument_imports(include=["training"], exclude=COMPILED):
        from tests.fuzz import targets
    target = targets.TARGETS[chosen.target]
    keep = chosen.keep or CORPUS / chosen.target
    keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as own:
        work = str(chosen.work or own)
        for at, seed in enumerate(targets.seeds(chosen.target)):
            (Path(work) / f"seed-{at}").write_bytes(seed)
            target(seed)  # compiles the kernels before the clock runs
        arguments = [sys.argv[0], work, *([str(CORPUS / chosen.target)] if (CORPUS / chosen.target).is_dir() else [])]
        arguments += [f"-max_total_time={chosen.seconds}", f"-seed={chosen.seed}", "-timeout=60", "-rss_limit_mb=8192"]
        arguments += [f"-artifact_prefix={keep}/", "-print_final_stats=1", "-max_len=131072"]
        atheris.Setup(arguments, target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
