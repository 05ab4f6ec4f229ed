"""What ``view`` opens: tags, a model, or both; then the page until it is interrupted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from training import load
from training.codebook import Codebook, load_codebook
from training.errors import UserError
from training.model.model import Model
from training.view.app import Shown, make_app
from training.view.corrections import Corrections
from training.view.serve import Address, put_in_order, serve
from training.view.tags import Tags, open_tags

log = logging.getLogger(__name__)


def view(
    tags_or_model: str,
    *,
    model: str | None = None,
    corrections: Path | None = None,
    codebook: str | None = None,
    annotator: str | None = None,
    text_column: str = "text",
    date_column: str = "date",
    port: int = 0,
    opened: Callable[[Address], None] = lambda address: None,
) -> str:
    """Serve the page at 127.0.0.1 until Ctrl-C, SIGTERM or SIGHUP; gives what to tell the user at the end.

    ``opened`` is called with the address as soon as a browser can ask for it. Raises :class:`UserError`.
    """
    is_model = ":/" in tags_or_model or Path(tags_or_model).is_dir()
    if is_model and (model or corrections or codebook or annotator):
        raise UserError(
            f"{tags_or_model}: is a model, and --model, --corrections, --codebook and --annotator are for looking at "
            f"tags. Name the file of tags first: conflict-topics view TAGS --model {tags_or_model}"
        )
    if not is_model and not Path(tags_or_model).exists():
        raise UserError(
            f"{tags_or_model}: no such file or folder. Expected tags (the output of conflict-topics tag) or a model."
        )
    if is_model and not (Path(tags_or_model) / "manifest.json").exists() and any(Path(tags_or_model).glob("*.parquet")):
        raise UserError(f"{tags_or_model}: is a folder of Parquet parts. Name one of the files in it.")
    with put_in_order(), ExitStack() as stack:
        address = stack.enter_context(Address.at(port))
        loaded = load(tags_or_model) if is_model else load(model) if model else None
        tags, kept = None, None
        if not is_model:
            book = load_codebook(codebook) if codebook else None
            path = Path(tags_or_model)
            tags = stack.enter_context(open_tags(path, text_column, date_column))
            kept = stack.enter_context(Corrections.open(corrections or default_corrections(path), annotator))
            tags.corrected(kept.ids())
        else:
            book = None
        _tell(tags, kept)
        app = make_app(Shown(loaded, tags, kept, book or _codebook_of(loaded)), address)
        serve(app, address, opened)
        if kept is None or not len(kept):
            return "Nothing was corrected." if kept is not None else "Ended."
        return f"{len(kept)} paragraph{'s' if len(kept) > 1 else ''} corrected in {kept.path}"


def default_corrections(tags: Path) -> Path:
    """``tags.corrections.jsonl`` beside ``tags.parquet`` or ``tags.jsonl.gz``."""
    return tags.with_name(tags.name.split(".")[0] + ".corrections.jsonl")


def _codebook_of(model: Model | None) -> Codebook | None:
    saved = model.folder / "codebook.yaml" if model is not None and model.folder is not None else None
    return load_codebook(saved) if saved is not None and saved.exists() else None


def _tell(tags: Tags | None, kept: Corrections | None) -> None:
    if tags is not None and kept is not None:
        log.info("%s: %s tagged paragraphs", tags.name, f"{tags.rows:,}")
        log.info("corrections go to %s, which holds %d", kept.path, len(kept))
