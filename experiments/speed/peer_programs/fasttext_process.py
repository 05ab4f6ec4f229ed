"""FOLDER SMALLEST LARGEST: trains on training.txt, then answers "FIRST COUNT" with the seconds for those texts."""

import sys
import time
from pathlib import Path

import fasttext

folder, smallest, largest = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
model = fasttext.train_supervised(
    str(folder / "training.txt"), loss="ova", wordNgrams=2, minn=smallest, maxn=largest, epoch=1, thread=1, verbose=0
)
texts = (folder / "texts.txt").read_text(encoding="utf-8").split("\n")
print("ready", flush=True)
for line in sys.stdin:
    first, count = map(int, line.split())
    chosen = texts[first : first + count]
    began = time.thread_time()
    model.predict(chosen, k=-1, threshold=0.5)
    print(time.thread_time() - began, flush=True)
