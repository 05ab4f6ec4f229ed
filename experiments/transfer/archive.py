"""Tags that a model sets on text about other things, by verdicts of a reader.

    BENCHMARKS=… python experiments/transfer/archive.py [MODEL] [--unread]

Draws the same 1,500 paragraphs of ``archive`` each time, tags them, and joins the tags to ``archive_read.tsv``, which holds the
row of the sample, the topic, and what the reader found: ``r`` right, ``w`` wrong on a paragraph about armed conflict, ``o``
wrong on a paragraph about something else. ``--unread`` prints the tags that nobody has read yet, with their texts.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import sys
from collections import Counter
from pathlib import Path

from training import load

READ = Path(__file__).with_name("archive_read.tsv")
DRAWN, SEED = 1500, 20261122


def main(model_path: str, show_unread: bool) -> None:
    with gzip.open(Path(os.environ["BENCHMARKS"]) / "archive/paragraphs.jsonl.gz", "rt", encoding="utf-8") as stream:
        texts = [json.loads(line)["text"] for line in stream]
    random.seed(SEED)
    drawn = random.sample(texts, DRAWN)
    verdicts = {}
    for line in READ.read_text(encoding="utf-8").splitlines():
        row, topic, verdict = line.split("\t")
        verdicts[int(row), topic] = verdict
    model = load(model_path)
    tags = [(row, topic) for row, topics in enumerate(model.tag(drawn)) for topic in topics]
    found = Counter(verdicts.get(tag, "unread") for tag in tags)
    about_conflict = {row for (row, _), verdict in verdicts.items() if verdict in "rw"}
    rate = 1000 * found["o"] / (DRAWN - len(about_conflict))
    print(
        f"`{model.id}`: {len(tags)} tags on {DRAWN} paragraphs: {found['r']} right, {found['w']} wrong near conflict,"
    )
    print(f"{found['o']} wrong elsewhere ({rate:.0f} per thousand paragraphs elsewhere), {found['unread']} not read.")
    if show_unread:
        for row, topic in tags:
            if (row, topic) not in verdicts:
                print(row, topic, drawn[row], sep="\t")


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--unread"]
    main(arguments[0] if arguments else "experiments/models/default", "--unread" in sys.argv)
