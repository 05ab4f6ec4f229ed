"""What a process of `tag` imports, and what it must not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SKIPPED = """
import sys
from training.model.light import skip_unused_imports
skip_unused_imports()
import pyarrow as pa
from training.model.terms import Terms
from training.model.texts import as_string_array
Terms.from_strings(["a", "b"]).places_in(Terms.from_strings(["b"]))
pa.array([1, 2]), as_string_array(["text"])
found = {"pandas", "scipy", "cffi", "sklearn", "mlflow"} & set(sys.modules)
assert not found, found
"""


ENDED = """
import atexit, sys
from training.model.light import OwnProcess
process = OwnProcess()
process.end()
atexit.register(print, "cleared up")
print("still here")
with process.starting():
    pass
process.end()
print("too late")
"""

LEARNING = """
import sys
from training.model.light import OwnProcess
OwnProcess().learning()
import training.train
assert "sklearn" in sys.modules
assert not any(name.startswith("scipy.stats") for name in sys.modules)
import numpy as np
from sklearn.preprocessing import QuantileTransformer
from scipy import stats
spread = QuantileTransformer(n_quantiles=3, output_distribution="normal").fit_transform([[0.0], [1.0], [2.0]])
assert abs(spread[1, 0]) < 1e-6 and stats.norm.cdf(0) == 0.5
"""


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, env=os.environ | environment
    )


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder in which a process that found no compiled code has kept it."""
    folder = tmp_path_factory.mktemp("kept")
    # To compile is to look for SciPy's BLAS.
    done = run(SKIPPED.replace('"scipy", ', ""), NUMBA_CACHE_DIR=str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def test_without_kept_code_it_is_compiled(kept):
    assert any(kept.rglob("*.nbc"))


def test_what_tagging_does_not_use_is_not_imported(kept):
    done = run(SKIPPED, NUMBA_CACHE_DIR=str(kept))
    assert done.returncode == 0, done.stderr


def test_a_light_process_ends_after_its_exit_functions_with_all_written():
    done = run(ENDED)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "still here\ncleared up\n"


@pytest.mark.parametrize("package", ["pandas", "scipy.linalg"])
def test_skipped_packages_can_still_be_imported(package, kept):
    done = run(f"{SKIPPED}\nimport {package}", NUMBA_CACHE_DIR=str(kept))
    assert done.returncode == 0, done.stderr


def test_a_command_called_from_python_leaves_pyarrow_as_it_is():
    done = run(
        "from click.testing import CliRunner\n"
        "from training.cli import conflict_topics\n"
        "assert CliRunner().invoke(conflict_topics, ['tag', 'no-such-model', 'x', '--output', 'y.jsonl']).exit_code == 1\n"
        "import pyarrow as pa\n"
        "assert pa.array([1]).to_pandas().tolist() == [1]\n"
    )
    assert done.returncode == 0, done.stderr


def test_learning_imports_no_statistics_and_who_wants_them_gets_them():
    done = run(LEARNING)
    assert done.returncode == 0, done.stderr
