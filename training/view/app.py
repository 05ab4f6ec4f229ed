"""What the page asks for: its own files, paragraphs and counts, evidence, and corrections to keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from training.codebook import Codebook
from training.errors import UserError, did_you_mean
from training.model.model import Model
from training.topic_names import fault_of
from training.view.corrections import Corrections
from training.view.evidence import LONGEST, evidence_of, paragraphs_of, shortened
from training.view.filters import PAGE, parse_filter
from training.view.guard import Guard
from training.view.requests import asked_by, body_of, number_of, object_of, place_of
from training.view.serve import Address
from training.view.tags import Tags

STATIC = Path(__file__).with_name("static")
_LONGEST_TOPIC = 100


@dataclass(frozen=True)
class Shown:
    """What there is to look at: a model, or tags with their corrections, or all of them."""

    model: Model | None
    tags: Tags | None
    corrections: Corrections | None
    codebook: Codebook | None

    @property
    def topics(self) -> list[str]:
        """Every topic that can be set: of the codebook, of the model, of the tags."""
        known = [topic.id for topic in self.codebook.topics] if self.codebook else []
        known += self.model.topics if self.model else ()
        known += sorted({*(topic for topic, _ in self.tags.topics), *self.tags.every}) if self.tags else []
        return list(dict.fromkeys(known))


def make_app(shown: Shown, address: Address) -> Starlette:
    """The application behind the page."""
    api = _Api(shown)
    routes: list[Route | Mount] = [
        Route("/", lambda request: FileResponse(STATIC / "view.html")),
        Mount("/static", StaticFiles(directory=STATIC)),
        Route("/api/about", api.about),
    ]
    if shown.model is not None:
        routes += [
            Route("/api/article", api.article, methods=["POST"]),
            Route("/api/evidence", api.evidence, methods=["POST"]),
        ]
    if shown.tags is not None:
        routes += [
            Route("/api/paragraphs", api.paragraphs),
            Route("/api/count", api.count),
            Route("/api/corrections", api.correct, methods=["PUT"]),
            Route("/api/corrections", api.undo, methods=["DELETE"]),
        ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, address=address)],
        exception_handlers={UserError: _problem, HTTPException: _problem},
    )


async def _problem(_: Request, problem: Exception) -> Response:
    status = problem.status_code if isinstance(problem, HTTPException) else 400
    told = problem.detail if isinstance(problem, HTTPException) else str(problem)
    return JSONResponse({"problem": told}, status)


class _Api:
    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._correcting = Lock()  # a file and a table say what is corrected: two tabs must not part them

    def about(self, request: Request) -> Response:
        shown = self._shown
        model, tags, kept = shown.model, shown.tags, shown.corrections
        book = {topic.id: topic for topic in shown.codebook.topics} if shown.codebook else {}
        about: dict[str, Any] = {
            "model": model.id if model else None,
            "topics": [
                {
                    "id": topic,
                    "name": book[topic].name if topic in book else "",
                    "definition": book[topic].definition if topic in book else "",
                }
                for topic in shown.topics
            ],
            "tags": None,
        }
        if tags is not None and kept is not None:
            about["tags"] = {
                "name": tags.name,
                "rows": tags.rows,
                "untagged": tags.untagged,
                "topics": tags.topics,
                "months": tags.months,
                "models": tags.models,
                "every": tags.every,
                "page": PAGE,
                "corrections": str(kept.path),
                "corrected": len(kept),
            }
        return JSONResponse(about)

    def paragraphs(self, request: Request) -> Response:
        tags, kept = self._labelling()
        after = place_of(request.query_params.get("after", ""))
        rows = tags.page(parse_filter(request.query_params), after, asked_by(request))
        for row in rows:
            record = kept.of(row["paragraph_id"], row["text"])
            row["correction"] = record["topics"] if record else None
            row["longer"] = max(0, len(row["text"]) - LONGEST)
            row["text"] = shortened(row["text"])
        return JSONResponse({"rows": rows})

    def count(self, request: Request) -> Response:
        tags, _ = self._labelling()
        wanted = parse_filter(request.query_params)
        return JSONResponse({"count": tags.count(wanted, asked_by(request))})

    async def article(self, request: Request) -> Response:
        assert self._shown.model is not None
        body = await body_of(request)
        html = request.headers.get("content-type", "").startswith("text/html")
        return JSONResponse({"paragraphs": await run_in_threadpool(paragraphs_of, self._shown.model, body, html)})

    async def evidence(self, request: Request) -> Response:
        """Of the row that is named, or else of the text that is sent."""
        assert self._shown.model is not None
        if "row" in request.query_params:
            tags, _ = self._labelling()
            row = await run_in_threadpool(tags.row, number_of(request.query_params["row"]))
            text = row["text"]
        else:
            text = (await body_of(request)).decode("utf-8", "replace")
        return JSONResponse({"topics": await run_in_threadpool(evidence_of, self._shown.model, text)})

    async def correct(self, request: Request) -> Response:
        asked = await object_of(request)
        topics = asked.get("topics")
        if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
            raise UserError("Not saved: expected a list of topics.")
        return JSONResponse(await run_in_threadpool(self._save, number_of(asked.get("row")), topics))

    async def undo(self, request: Request) -> Response:
        asked = await object_of(request)
        return JSONResponse(await run_in_threadpool(self._undo, number_of(asked.get("row"))))

    def _save(self, number: int, topics: list[str]) -> dict[str, Any]:
        tags, kept = self._labelling()
        row = tags.row(number)
        if row["paragraph_id"] is None or not row["text"].strip():
            raise UserError("Not saved: this row has no paragraph_id or no text, which labelled data need.")
        chosen = list(dict.fromkeys(topic.strip() for topic in topics))
        self._check(chosen, [topic for topic, _ in row["topics"]])
        paragraph = {
            "paragraph_id": row["paragraph_id"],
            "article_id": row["article_id"] or row["paragraph_id"],
            "text": row["text"],
            "topics": [],
            "date": row["date"],
        }
        with self._correcting:
            kept.save(paragraph, chosen)
            tags.corrected([row["paragraph_id"]])
        return {"correction": chosen, "corrected": len(kept)}

    def _undo(self, number: int) -> dict[str, Any]:
        tags, kept = self._labelling()
        row = tags.row(number)
        with self._correcting:
            if kept.of(row["paragraph_id"], row["text"]) is not None:
                kept.remove(row["paragraph_id"])
                tags.corrected([], removed=[row["paragraph_id"]])
        return {"correction": None, "corrected": len(kept)}

    def _check(self, topics: Sequence[str], own: Sequence[str]) -> None:
        """With a codebook only its topics and those of the tags can be set; without one any name is a topic."""
        for topic in topics:
            fault = fault_of(topic)
            if fault or len(topic) > _LONGEST_TOPIC:
                told = fault or f"has {len(topic)} characters; at most {_LONGEST_TOPIC} are expected"
                raise UserError(f"Not saved: the topic {topic[:40]!r} {told}.")
            known = {*self._shown.topics, *own}
            if self._shown.codebook is not None and topic not in known:
                raise UserError(f'Not saved: "{topic}" is not in the codebook.{did_you_mean(topic, known)}')

    def _labelling(self) -> tuple[Tags, Corrections]:
        assert self._shown.tags is not None and self._shown.corrections is not None
        return self._shown.tags, self._shown.corrections
