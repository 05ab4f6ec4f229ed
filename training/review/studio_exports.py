"""Labels as Label Studio exports them: JSON, and the flat formats JSON-MIN and CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from training.corpus.files import DAMAGED, open_binary
from training.errors import UserError, did_you_mean, listed
from training.review.annotations import Annotation, Export, person_of, time_of, topic_list
from training.review.label_studio import CONTROL

FLAT = ("annotation_id", "created_at", "updated_at", "lead_time")  # what every flat export has beside the data
_BESIDE = (*FLAT, "annotator", "agreement", "id")


def read_json(path: Path, control: str | None, export: Export) -> None:
    """Add the annotations of a JSON or JSON-MIN export. Raises :class:`UserError` by file, task and field."""
    try:
        with open_binary(path) as stream:
            tasks = json.load(stream)
    except (ValueError, RecursionError, *DAMAGED) as problem:
        raise UserError(f"{path}: cannot be read as JSON ({problem}). Export it again from Label Studio.") from None
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise UserError(
            f"{path}: found a JSON {type(tasks).__name__}, expected a list of tasks as Label Studio exports."
        )
    name = _control_of(path, tasks, control)
    flat = []
    for number, task in enumerate(tasks, start=1):
        where = f"{path}: task {task.get('id', f'number {number}')}"
        if "annotations" in task or "completions" in task:
            _task(where, task, name, export)
        elif "annotation_id" in task:
            flat.append((where, task))
        elif "data" in task:
            export.left_out["unlabelled"] += 1
        else:
            raise UserError(
                f"{where}: has neither annotations (JSON) nor annotation_id (JSON-MIN). "
                f"Expected an export of Label Studio; fields found: {listed(task)}."
            )
    read_flat(path, flat, control, export)


def read_flat(path: Path, records: Sequence[tuple[str, dict[str, Any]]], control: str | None, export: Export) -> None:
    """Add the records of JSON-MIN or of a CSV export, each with its place: one annotation each.

    A record in which nothing was ticked lacks the field of the control, so only a file in which no record has it can
    tell that the control has another name. Raises :class:`UserError`.
    """
    name = control or CONTROL
    annotated = [(where, record) for where, record in records if record.get("annotation_id") not in (None, "")]
    export.left_out["unlabelled"] += len(records) - len(annotated)
    if annotated and not any(name in record for _, record in annotated):
        fields = list(dict.fromkeys(key for _, record in annotated for key in record if key not in _BESIDE))
        asked = " (--control)" if control else ""
        raise UserError(
            f'{path}: no record has a field "{name}"{asked}.{did_you_mean(name, fields)} Fields found: '
            f"{listed(fields, 20)}. Say which holds the topics with --control; if nothing was ticked anywhere, "
            f"export as JSON (not JSON-MIN or CSV), which says so."
        )
    for where, record in annotated:
        _flat(where, record, name, export)


def _task(where: str, task: dict[str, Any], control: str, export: Export) -> None:
    """A task of the full JSON export, with any number of annotations."""
    data = task.get("data")
    if not isinstance(data, dict):
        raise UserError(f"{where}: data: found {type(data).__name__}, expected an object with the text.")
    found = task.get("annotations", task.get("completions")) or []
    drafts = task.get("drafts") or []
    export.left_out["drafts"] += len(drafts)
    if not found:
        export.left_out["unlabelled"] += not drafts
    for annotation in found:
        if not isinstance(annotation, dict):
            raise UserError(f"{where}: annotations: found {annotation!r:.40}, expected objects. Export as JSON.")
        inner = f"{where}, annotation {annotation.get('id', '?')}"
        if _is_skipped(annotation):
            export.left_out["skipped"] += 1
            continue
        export.annotations.append(
            Annotation(
                inner,
                _named(data, task.get("id")),
                _choices(inner, annotation.get("result"), control),
                person_of(annotation.get("completed_by")),
                time_of(annotation.get("updated_at") or annotation.get("created_at")),
                bool(annotation.get("ground_truth")),
            )
        )


def _control_of(path: Path, tasks: Sequence[dict[str, Any]], control: str | None) -> str:
    """The name of the Choices tag whose choices are topics, by all annotations of the file together.

    One annotation cannot tell: where no topic was ticked, another tag may be the only one. Raises :class:`UserError`.
    """
    parts = [part for task in tasks for part in _parts(task)]
    names = sorted({str(part.get("from_name")) for part in parts if part.get("type") == "choices"})
    wanted = control or (CONTROL if CONTROL in names or not names else names[0])
    if parts and wanted not in names:
        asked = " (--control)" if control else ""
        found = f"choices of {listed(names)}" if names else listed(sorted({str(part.get("type")) for part in parts}))
        raise UserError(
            f'{path}: result: no choices of "{wanted}"{asked}.{did_you_mean(wanted, names)} '
            f"Found: {found}. Say which Choices tag of the interface holds the topics with --control."
        )
    if control is None and CONTROL not in names and len(names) > 1:
        raise UserError(f"{path}: result: has several choices ({listed(names)}). Say which are topics with --control.")
    return wanted


def _parts(task: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the annotations of a task hold, as far as it has the right form; :func:`_task` says where it has not."""
    found = task.get("annotations", task.get("completions"))
    for annotation in found if isinstance(found, list) else ():
        if isinstance(annotation, dict) and not _is_skipped(annotation):
            result = annotation.get("result")
            yield from (part for part in (result if isinstance(result, list) else ()) if isinstance(part, dict))


def _is_skipped(annotation: dict[str, Any]) -> bool:
    return bool(annotation.get("was_cancelled") or annotation.get("skipped"))


def _choices(where: str, result: Any, control: str) -> tuple[str, ...]:
    """The choices of one annotation; none if nothing was ticked."""
    if result is None:
        result = []
    if not isinstance(result, list):
        raise UserError(f"{where}: result: found {type(result).__name__}, expected a list.")
    topics: list[str] = []
    for part in result:
        if isinstance(part, dict) and part.get("type") == "choices" and part.get("from_name") == control:
            value = part.get("value")
            chosen = value.get("choices") if isinstance(value, dict) else None
            topics += topic_list(f"{where}: result.value.choices", chosen)
    return tuple(dict.fromkeys(topics))


def _flat(where: str, record: dict[str, Any], control: str, export: Export) -> None:
    """One annotation, its choices prettified."""
    value = record.get(control)
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            value = json.loads(value)
        except ValueError:
            raise UserError(f"{where}: {control}: found {value!r:.60}, expected choices as JSON.") from None
    if isinstance(value, dict):
        value = value.get("choices")
    value = [value] if isinstance(value, str) and value else value or []
    data = {name: kept for name, kept in record.items() if name not in (*_BESIDE, CONTROL, control)}
    export.annotations.append(
        Annotation(
            where,
            _named(data, record.get("id")),
            tuple(dict.fromkeys(topic_list(f"{where}: {control}", value))),
            person_of(record.get("annotator")),
            time_of(record.get("updated_at") or record.get("created_at")),
        )
    )


def _named(data: dict[str, Any], task: Any) -> dict[str, Any]:
    """Data with a paragraph id: its own, or the number of the task."""
    return data if data.get("paragraph_id") not in (None, "") else {"paragraph_id": f"task-{task}", **data}
