from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.view.conftest import archive, page, records_of
from training.model.model import Model


def test_a_correction_is_on_the_disk_when_the_page_is_told_so(tags_file: Path) -> None:
    path = tags_file.with_name("corrections.jsonl")
    with page(tags_file, None) as client:
        row = client.get("/api/paragraphs").json()["rows"][0]
        assert row["correction"] is None
        told = client.put("/api/corrections", json={"row": row["row"], "topics": ["shelling", "raid"]}).json()
        assert told == {"correction": ["shelling", "raid"], "corrected": 1}
        (record,) = records_of(path)
        wanted = {**archive()[0], "topics": ["shelling", "raid"], "annotator": "Ada"}
        assert {name: record[name] for name in wanted} == wanted
        assert (
            client.get("/api/paragraphs", params={"state": "corrected"}).json()["rows"][0]["correction"]
            == record["topics"]
        )
        assert client.get("/api/count", params={"state": "open"}).json() == {"count": 62}
    with page(tags_file, None) as client:
        assert client.get("/api/paragraphs").json()["rows"][0]["correction"] == ["shelling", "raid"]
        assert client.request("DELETE", "/api/corrections", json={"row": 0}).json() == {
            "correction": None,
            "corrected": 0,
        }
        assert client.get("/api/count", params={"state": "corrected"}).json() == {"count": 0}
    assert records_of(path) == []


def test_two_tabs_that_correct_one_paragraph_at_once_do_not_part_the_file_and_the_filter(tags_file: Path) -> None:
    with page(tags_file, None) as client:

        def tab(saves: bool) -> set[int]:
            body = {"row": 0, "topics": ["shelling"]}
            asked = [client.request("PUT" if saves else "DELETE", "/api/corrections", json=body) for _ in range(40)]
            return {answer.status_code for answer in asked}

        with ThreadPoolExecutor(4) as tabs:
            assert set().union(*tabs.map(tab, (True, False, True, False))) == {200}
        told = client.get("/api/count", params={"state": "corrected"}).json()["count"]
    assert told == len(records_of(tags_file.with_name("corrections.jsonl")))


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{",
        b'{"row": -1, "topics": []}',
        b'{"row": 99999, "topics": []}',
        b'{"row": 0, "topics": "a"}',
        b'{"row": 0, "topics": [""]}',
        b'{"row": 0, "topics": ["raid\\nat night"]}',
        b'{"row": 0, "topics": ["\\ud800"]}',
        b'{"row": true, "topics": []}',
    ],
)
def test_a_correction_that_makes_no_sense_is_refused(tags_file: Path, body: bytes) -> None:
    with page(tags_file, None) as client:
        answer = client.put("/api/corrections", content=body)
        assert answer.status_code == 400
        assert answer.json()["problem"]
    assert not tags_file.with_name("corrections.jsonl").exists()


def test_tags_that_change_under_the_page_are_told_and_nothing_is_saved(tags_file: Path) -> None:
    with page(tags_file, None) as client:
        tags_file.rename(tags_file.with_name("moved.parquet"))
        answer = client.put("/api/corrections", json={"row": 0, "topics": []})
        assert (answer.status_code, "was changed or moved" in answer.json()["problem"]) == (400, True)
        tags_file.write_bytes(tags_file.with_name("moved.parquet").read_bytes())
        assert client.get("/api/paragraphs").status_code == 400
    assert not tags_file.with_name("corrections.jsonl").exists()


def test_evidence_and_articles_show_the_text_as_it_is(tags_file: Path, model: Model) -> None:
    with page(tags_file, model) as client:
        article = "Mortar shells hit <b>the port</b> 😀.\r\n\r\nFamilies fled to the camp."
        told = client.post("/api/article", content=article.encode(), headers={"content-type": "text/plain"}).json()
        assert [paragraph["text"] for paragraph in told["paragraphs"]] == article.split("\r\n\r\n")
        assert [paragraph["topics"][0][0] for paragraph in told["paragraphs"]] == ["shelling", "displacement"]
        assert told["paragraphs"][0]["topics"][0][1] == pytest.approx(
            float(model.predict_proba([article.split("\r")[0]])[0].max())
        )
        text = told["paragraphs"][0]["text"]
        evidence = client.post("/api/evidence", content=text.encode()).json()["topics"][0]
        assert evidence["topic"] == "shelling"
        assert "".join(piece for piece, _ in evidence["pieces"]) == text
        marked = [piece.lower() for piece, level in evidence["pieces"] if level > 0]
        assert "mortar" in marked or "shells" in marked
        page_of = "<html><body><article><p>Mortar shells hit the old port of the town again on Monday, people said.</p></article></body></html>"
        told = client.post("/api/article", content=page_of.encode(), headers={"content-type": "text/html"}).json()
        assert told["paragraphs"][0]["text"].startswith("Mortar shells")
        by_row = client.post("/api/evidence", params={"row": 0}).json()["topics"][0]
        assert "".join(piece for piece, _ in by_row["pieces"]) == archive()[0]["text"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"\xff", "not UTF-8"),
        (b" \n ", "No text"),
        (b"x\n\n" * 3000, "3,000 paragraphs"),
        (b"x" * (17 << 20), "larger than 16 MB"),
    ],
)
def test_what_is_no_article_is_told(tags_file: Path, model: Model, body: bytes, told: str) -> None:
    with page(tags_file, model) as client:
        answer = client.post("/api/article", content=body)
        assert answer.status_code in (400, 413)
        assert told in answer.json()["problem"]


def test_the_page_can_load_nothing_from_elsewhere_and_run_nothing_inline(tags_file: Path) -> None:
    with page(tags_file, None) as client:
        answer = client.get("/")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        static = Path(__file__).parents[2] / "training/view/static"
        for file in static.iterdir():
            assert client.get(f"/static/{file.name}").headers["content-security-policy"] == policy
            content = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert "://" not in content, file.name
            assert not any(risky in content for risky in ("innerHTML", "style=", "eval(", "onclick")), file.name
        assert client.get("/static/../app.py").status_code == 404
        assert client.get("/static/%2e%2e/app.py").status_code == 404


def test_only_the_page_itself_is_answered(tags_file: Path) -> None:
    with page(tags_file, None) as client:
        row = {"row": 0, "topics": []}
        for headers in ({"host": "evil.example"}, {"host": "evil.example:80"}, {"host": ""}):
            assert client.get("/api/about", headers=headers).status_code == 403
        for origin in ("https://evil.example", "null", ""):
            assert client.put("/api/corrections", json=row, headers={"origin": origin}).status_code == 403
        assert client.get("/api/about", headers={"sec-fetch-site": "cross-site"}).status_code == 403
        assert client.get("/api/about", headers={"sec-fetch-site": "same-origin"}).status_code == 200
        port = client.base_url.port
        renamed = {"host": f"localhost:{port}", "origin": f"http://localhost:{port}"}
        assert client.put("/api/corrections", json=row, headers=renamed).status_code == 200
        client.cookies.clear()
        assert client.get("/").status_code == 403
        assert client.get("/api/about").status_code == 403
        assert client.get("/", params={"token": "guess"}).status_code == 403
        assert client.put("/api/corrections", json=row).status_code == 403


def test_the_page_says_what_there_is(tags_file: Path, model: Model) -> None:
    with page(tags_file, model) as client:
        about = client.get("/api/about").json()
        assert about["model"] == model.id
        assert about["tags"]["models"] == [model.id]
        assert {topic["id"] for topic in about["topics"]} == set(model.topics)
        assert about["tags"]["rows"] == 63
        for after in ('{"row": 1}', "1", "[]", "[1, 2, 3]", "[null]", "[NaN]", "[Infinity]", "[1e400, 2]", "[" * 9999):
            answer = client.get("/api/paragraphs", params={"after": after})
            assert (answer.status_code, answer.json()["problem"][:5]) == (400, "after")
        assert client.get("/api/paragraphs", params={"after": "[0.5]", "order": "surest"}).status_code == 200
