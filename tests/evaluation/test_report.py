"""``report.html``: safe, accessible, and sortable by keyboard in a real browser."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser import Browser, browser, needs_chromium
from tests.conftest import config_for, synthetic_records, write_jsonl
from training.evaluation.table import results_table
from training.train import train

HOSTILE = '<script>document.title = "taken"</script><img src=x onerror=alert(1)> & '


class Tags(HTMLParser):
    """Every start tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a model whose texts mean harm, with labels that are wrong so that errors are shown."""
    folder = tmp_path_factory.mktemp("report")
    records = [record | {"text": HOSTILE + record["text"]} for record in synthetic_records(40)]
    for record in records[::9]:
        record["topics"] = ["detention"]
    records[1]["topics"] = ["meteor"]  # too rare to be learned, so that it has no precision
    train(config_for(write_jsonl(folder / "x.jsonl", records), "evaluation.learning_curve=true"), folder / "model")
    return folder / "model" / "report.html"


def test_texts_are_text_and_nothing_comes_from_elsewhere(report: Path) -> None:
    page = report.read_text(encoding="utf-8")
    tags = Tags(page)
    assert len(tags.of("script")) == 1
    assert tags.of("img") == []
    assert len(tags.of("article")) > 0
    linked = [value for _, attributes in tags.found for name, value in attributes.items() if name in ("src", "href")]
    assert not [value for value in linked if value and "//" in value]


def test_figures_have_alternatives_and_what_scrolls_can_be_reached(report: Path) -> None:
    tags = Tags(report.read_text(encoding="utf-8"))
    assert len(tags.of("svg")) == 4 + 3  # and a learning curve for each topic that is learned
    assert all(figure["role"] == "img" and figure["aria-label"] for figure in tags.of("svg"))
    scrolling = [attributes for attributes in tags.of("div") if attributes.get("class") == "scroll"]
    assert scrolling and all(each["tabindex"] == "0" and each["aria-label"] for each in scrolling)
    assert all(heading.get("scope") in ("row", "col") for heading in tags.of("th"))


def test_a_figure_that_does_not_exist_is_a_dash(tmp_path: Path) -> None:
    records = synthetic_records(40)
    without = [record | {"topics": [], "text": "River council."} for record in records[:30]]
    test = write_jsonl(
        tmp_path / "test.jsonl", [{**record, "article_id": f"t{record['article_id']}"} for record in without]
    )
    outcome = train(config_for(write_jsonl(tmp_path / "x.jsonl", records), f"data.test={test}"), tmp_path / "model")
    page = (tmp_path / "model/report.html").read_text(encoding="utf-8")
    table = page[page.index("<tbody>") : page.index("</tbody>")]
    rows = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in table.split("<tr>")[1:]]
    assert len(rows) == 3
    for support, _, tagged, *figures, _ in rows:
        assert (support, tagged) == ("0", "0")
        assert figures == ["–"] * 5
    for told in (page, results_table(outcome.metrics)):
        assert told.count(" over 3 topics, 0 of them on test") == 1  # macro-F1 there is not over what it is over here


@pytest.fixture
def opened(tmp_path: Path, report: Path) -> Iterator[Browser]:
    with browser(tmp_path, Browser) as made:
        made.driver.get(report.as_uri())
        yield made


@needs_chromium
@pytest.mark.slow
def test_the_table_is_sorted_by_keyboard_and_the_page_fits_a_telephone(opened: Browser) -> None:
    assert "taken" not in opened.driver.title
    for place in (4, 6):  # precision and F1
        heading = f"#table th:nth-child({place + 1})"
        opened.run("arguments[0].focus()", opened.one(f"{heading} button"))
        for direction in ("descending", "ascending"):
            opened.press(Keys.ENTER)
            assert opened.one(heading).get_attribute("aria-sort") == direction
            cells = [row.text for row in opened.all(f"#table tbody tr > :nth-child({place + 1})")]
            told = [float(cell) if cell != "–" else -math.inf for cell in cells]
            assert place != 4 or -math.inf in told
            assert told == sorted(told, reverse=direction == "descending")
    assert all(row.size["height"] < 80 for row in opened.all("#table tbody tr"))
    opened.picture("report-small-model")
    assert opened.too_wide(1280) <= 0
    assert opened.too_wide(380) <= 0
