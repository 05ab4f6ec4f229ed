"""How a model trained on the shipped (synthetic) corpus does on real text, beside plain keyword queries.

    BENCHMARKS=… python experiments/transfer/run.py [MODEL]

Real reports come with one ACLED event type each; a type counts as a positive of the topics that the table below gives,
and every other report as a negative, although some of them do mention the topic in passing: figures are a lower bound.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import f1_score, precision_recall_curve, roc_auc_score

from training import load
from training.codebook import load_codebook
from training.evaluation.comparison import compare_tags
from training.evaluation.intervals import Resampler
from training.keywords import search

TYPES = {
    "airstrike": ["AIR_STRIKE"],
    "shelling": ["ART_MISS_ATTACK"],
    "armed_clash": ["ARMED_CLASH"],
    "bombing": ["REM_EXPLOS", "SUIC_BOMB", "GRENADE"],
    "abduction": ["ABDUCT_DISSAP"],
    "detention": ["ARREST"],
    "territorial_change": ["GOV_REGAINS_TERIT", "NON_STATE_ACTOR_OVERTAKES_TER", "NON_VIOL_TERRIT_TRANSFER"],
    "weapons_seizure": ["DISR_WEAP"],
    "civilian_harm": ["SEX_VIOL", "ATTACK", "CHEM_WEAP", "MOB_VIOL", "FORCE_AGAINST_PROTEST"],
    "protest": ["PEACE_PROTEST", "PROTEST_WITH_INTER", "VIOL_DEMONSTR", "FORCE_AGAINST_PROTEST", "MOB_VIOL"],
    "ceasefire_talks": ["AGREEMENT"],
}
NEGATIVES = ("NATURAL_DISASTER", "MAN_MADE_DISASTER", "ORG_CRIME", "DIPLO")
POLICE = {"detention": "ARREST"}
RESAMPLES, CONFIDENCE, SEED = 2000, 0.95, 13


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        records = [json.loads(line) for line in stream]
    return [record["text"] for record in records], [record["topics"] for record in records]


def figures(truth: np.ndarray, tags: np.ndarray, scores: np.ndarray | None) -> str:
    precision = (truth & tags).sum() / max(1, tags.sum())
    recall = (truth & tags).sum() / max(1, truth.sum())
    area = "-" if scores is None else f"{roc_auc_score(truth, scores):.3f}"
    return f"{f1_score(truth, tags):.3f} ({precision:.2f}/{recall:.2f}) | {area}"


def best_f1(truth: np.ndarray, scores: np.ndarray) -> float:
    """The F1 of the best of all cuts: what ranking alone allows."""
    precision, recall, _ = precision_recall_curve(truth, scores)
    return float((2 * precision * recall / np.maximum(precision + recall, 1e-9)).max())


def main(model_path: str) -> None:
    benchmarks = Path(os.environ["BENCHMARKS"])
    model = load(model_path)
    queries = {topic.id: topic.keywords or "" for topic in load_codebook("data/codebook.yaml").topics}
    texts, types = read(benchmarks / "acled_types" / "test.jsonl.gz")
    probabilities, tags = model.predict_proba(texts), model.predict(texts)
    lines = [
        f"Model `{model.id}`; {len(texts)} real reports.",
        "",
        "| topic | positives | model: F1 (precision/recall) | ROC-AUC | keywords: F1 (precision/recall) |",
        "|---|---|---|---|---|",
    ]
    totals: dict[str, list[float]] = {"model": [], "area": [], "keywords": [], "best": []}
    columns: dict[str, list[np.ndarray]] = {"truth": [], "model": [], "keywords": []}
    for topic, wanted in TYPES.items():
        truth = np.array([bool(set(wanted) & set(found)) for found in types])
        at = model.topics.index(topic)
        by_query = search([queries[topic]], texts)[:, 0]
        lines.append(
            f"| {topic} | {truth.sum()} | {figures(truth, tags[:, at], probabilities[:, at])} | "
            f"{figures(truth, by_query, None).split(' | ')[0]} |"
        )
        for name, column in (("truth", truth), ("model", tags[:, at]), ("keywords", by_query)):
            columns[name].append(column)
        totals["model"].append(f1_score(truth, tags[:, at]))
        totals["area"].append(roc_auc_score(truth, probabilities[:, at]))
        totals["keywords"].append(f1_score(truth, by_query))
        totals["best"].append(best_f1(truth, probabilities[:, at]))
    mean: dict[str, Any] = {name: float(np.mean(values)) for name, values in totals.items()}
    lines.append(f"| **mean** | | **{mean['model']:.3f}** | **{mean['area']:.3f}** | **{mean['keywords']:.3f}** |")
    truth, by_model, by_query = (np.column_stack(columns[name]) for name in ("truth", "model", "keywords"))
    resampler = Resampler([str(row) for row in range(len(truth))], RESAMPLES, CONFIDENCE, SEED)
    overall, _ = compare_tags(truth, by_query, by_model, list(TYPES), resampler)
    low, high = next(found.interval for found in overall if found.figure == "macro_f1")
    lines += [
        "",
        f"The model's mean F1 less that of keywords: 95% interval {low:+.3f} to {high:+.3f}, reports resampled.",
    ]
    lines += ["", f"Mean F1 with the best cut for each topic, chosen on these reports themselves: {mean['best']:.3f}."]
    off_topic = np.array([bool(set(NEGATIVES) & set(found)) for found in types])
    rate = 1000 * tags[off_topic].sum() / off_topic.sum()
    lines += ["", f"Tags per 1,000 reports on disasters, organised crime and diplomacy: {rate:.0f} (some are right)."]
    texts, types = read(benchmarks / "india_police_sents" / "test.jsonl.gz")
    probabilities, tags = model.predict_proba(texts), model.predict(texts)
    lines += [
        "",
        f"{len(texts)} sentences of Indian police news, 2002:",
        "",
        "| topic | positives | F1 (p/r) | ROC-AUC |",
        "|---|---|---|---|",
    ]
    for topic, label in POLICE.items():
        truth = np.array([label in found for found in types])
        at = model.topics.index(topic)
        lines.append(f"| {topic} ({label}) | {truth.sum()} | {figures(truth, tags[:, at], probabilities[:, at])} |")
    print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "experiments/models/default")
