"""Downloaded model folders, kept by the digest of their manifest, so that a store is asked for each of them once."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from training.errors import UserError
from training.model import saved
from training.model.model import Model
from training.tracking.record import manifest_digest
from training.tracking.store import Store

MANIFEST = "manifest.json"
KEPT_SECONDS = 30 * 24 * 3600


def fetch(store: Store, uri: str) -> Model:
    """The model of an MLflow URI. Raises :class:`UserError` if what the store holds is not as it was saved.

    Only the manifest and the folder around it are downloaded. The folder is verified at each load, whether it comes
    from the store or from the cache.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    files = get_artifact_repository(_logged_model(store, uri))
    inside = _folder_inside(files, uri)
    place = _place()
    with tempfile.TemporaryDirectory(prefix=".", dir=place, ignore_cleanup_errors=True) as aside:
        manifest = Path(files.download_artifacts(f"{inside}/{MANIFEST}", dst_path=aside))
        folder = place / manifest_digest(manifest.parent)
        if folder.exists():
            try:
                model = saved.load(folder)
                os.utime(folder)
            except (UserError, OSError):
                shutil.rmtree(folder, ignore_errors=True)
            else:
                return model
        downloaded = Path(files.download_artifacts(inside, dst_path=aside))
        _forget_unused(place)
        _put(downloaded, folder)
    try:
        return saved.load(folder)
    except UserError as problem:
        shutil.rmtree(folder, ignore_errors=True)
        raise UserError(f"{uri}: refused: what {store} holds is not a sound model. {problem}") from None


def _logged_model(store: Store, uri: str) -> str:
    """``runs:/RUN/NAME`` as the URI of the model that the run logged; other URIs as they are."""
    run, _, name = uri.removeprefix("runs:/").partition("/")
    if not uri.startswith("runs:/") or not name:
        return uri
    where = store.client.get_run(run).info.experiment_id
    models = store.client.search_logged_models([where], f"source_run_id = '{run}' AND name = '{name}'")
    if len(models) != 1:
        raise UserError(f"{uri}: the run has {len(models)} models of that name, expected one.")
    return f"models:/{models[0].model_id}"


def _folder_inside(files: Any, uri: str) -> str:
    """The path of the model folder among the artifacts of an MLflow model."""
    folders = [str(item.path) for item in files.list_artifacts("data") if item.is_dir]
    if len(folders) != 1:
        raise UserError(f"{uri}: holds {len(folders)} models of conflict-topics, expected one.")
    return folders[0]


def _place() -> Path:
    """The user's cache, or where that cannot be written a folder that goes with this process."""
    try:
        place = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "conflict-topics" / "models"
        place.mkdir(parents=True, exist_ok=True)
        if os.access(place, os.W_OK):
            return place
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        pass
    place = Path(tempfile.mkdtemp(prefix="conflict-topics-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


def _put(downloaded: Path, folder: Path) -> None:
    try:
        downloaded.rename(folder)
    except OSError:
        if not folder.exists():  # or else another process was quicker
            raise


def _forget_unused(place: Path) -> None:
    for folder in place.iterdir():
        with suppress(FileNotFoundError):  # another process forgets as well
            if not folder.name.startswith(".") and time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
