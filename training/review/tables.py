"""Drift as the text that a terminal shows."""

from __future__ import annotations

from training.errors import listed
from training.review.drift import FEWEST, Drift, Period
from training.review.months import UNDATED

MOST_MONTHS = 36


def drift_table(drift: Drift) -> str:
    """The months, the topics over all of them, and which months to sample for labels."""
    lines = [f"{'month':10} {'paragraphs':>11} {'unknown words':>22} {'scores moved':>13}  topics in doubt"]
    lines.append("-" * 78)
    shown = drift.periods[-MOST_MONTHS:]
    if len(shown) < len(drift.periods):
        lines.append(f"… {len(drift.periods) - len(shown)} earlier months: see --output or --json")
    lines += [_month(period) for period in shown]
    if drift.training_unknown_words is not None:
        lines.append(f"{'training':10} {'':>11} {drift.training_unknown_words:>10.1%}")
    lines += ["", f"{'topic':28} {'tagged':>9} {'corrected':>10}  share in training and here"]
    total = sum(period.paragraphs for period in drift.periods)
    for topic in drift.topics:
        tagged = sum(period.topic(topic).tagged for period in drift.periods)
        count = sum(period.topic(topic).count for period in drift.periods)
        lines.append(
            f"{topic:28} {tagged:>9,} {count:>10,.0f}  {drift.training_share[topic]:.1%} -> {count / total:.1%}"
        )
    lines.append("")
    if drift.rejected:
        lines.append(f"{drift.rejected} rows could not be read and are not counted.")
    if drift.sample:
        lines.append(f"Sample these months for labels: {', '.join(drift.sample)}")
        first = next(period for period in drift.periods if period.month == drift.sample[0])
        lines.append(f"  {first.month}: {'; '.join(first.reasons)}")
    return "\n".join([*lines, *remarks(drift)])


def remarks(drift: Drift) -> list[str]:
    """What there is to say beside the months to sample: of paragraphs without a date, and of too few of them."""
    told = []
    few = [period.month for period in drift.periods if period.paragraphs < FEWEST]
    undated = [period for period in drift.periods if period.month == UNDATED and period.reasons]
    if not drift.sample and not undated and len(few) < len(drift.periods):
        told.append(
            "No month calls for labels: chance and other shares of topics explain its scores and unknown words."
        )
    told += [f"Paragraphs without a date call for labels: {'; '.join(period.reasons)}." for period in undated]
    if few:
        told.append(f"Not judged, as they have fewer than {FEWEST} paragraphs: {listed(few)}.")
    return told


def _month(period: Period) -> str:
    words = "-"
    if period.unknown_words is not None and period.unknown_words_interval is not None:
        low, high = period.unknown_words_interval
        words = f"{period.unknown_words:.1%} [{low:.1%}-{high:.1%}]"
    moved = sum(entry.score_shift > entry.score_shift_by_chance for entry in period.topics)
    doubtful = sum(entry.doubtful for entry in period.topics)
    scores = f"{moved} of {len(period.topics)}"
    return f"{period.month:10} {period.paragraphs:>11,} {words:>22} {scores:>13}  {doubtful or '-'}"
