"""FOLDER: LibMultiLabel's linear `thresholding` from train.jsonl.gz, and its F1 on test.jsonl.gz as JSON."""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from libmultilabel import linear


def table(path):
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return pd.DataFrame({"label": [" ".join(row["topics"]) for row in rows], "text": [row["text"] for row in rows]})


folder = Path(sys.argv[1])
data = linear.load_dataset("dataframe", table(folder / "train.jsonl.gz"), table(folder / "test.jsonl.gz"))
preprocessor = linear.Preprocessor()
data = preprocessor.fit_transform(data)
model = linear.train_thresholding(data["train"]["y"], data["train"]["x"], verbose=False)
scores = linear.predict_values(model, data["test"]["x"])
truth, tags = data["test"]["y"].toarray().astype(bool), np.asarray(scores) > 0
both = (truth & tags).sum(axis=0)
either = truth.sum(axis=0) + tags.sum(axis=0)
carried = truth.any(axis=0)
print(
    json.dumps(
        {
            "micro_f1": float(2 * both.sum() / either.sum()),
            "macro_f1": float((2 * both / np.maximum(either, 1))[carried].mean()),
        }
    )
)
