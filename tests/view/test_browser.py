"""The page in a real Chromium: what a person sees, does by keyboard, and finds on the disk afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.browser import Browser, browser, needs_chromium
from tests.view.conftest import HOSTILE, archive, records_of
from tests.view.started import started
from training.config import Columns
from training.corpus.records import read_corpus
from training.model.model import Model
from training.view.evidence import LONGEST

pytestmark = [pytest.mark.slow, needs_chromium]


class Page(Browser):
    """The page of ``view``."""

    def open(self, url: str) -> None:
        self.driver.get(url)
        self.until(lambda: not self.all("#browse[hidden]") or not self.all("#article[hidden]"), "a face")

    def shown(self, count: int) -> list[str]:
        """Wait until the filter leaves ``count`` paragraphs; the ids on the page."""
        told = f"{count} of 63 paragraphs"
        self.until(
            lambda: self.one("#count").text == told and self.one("#paragraphs").get_attribute("aria-busy") == "false",
            told,
        )
        return [element.text for element in self.all(".paragraph h3 > span:first-child")]

    def tab_to_paragraphs(self) -> None:
        """As somebody without a mouse gets there from the search field."""
        self.one("#words").click()
        for _ in range(20):
            self.press(Keys.TAB)
            if "paragraph" in str(self.focused.get_attribute("class")).split():
                return
        raise AssertionError("no paragraph can be reached by the tabulator key")

    def saved(self, state: str) -> None:
        """Wait until the focused paragraph says so."""
        self.until(lambda: self.focused.find_element(By.CSS_SELECTOR, ".mark-corrected").text == state, state)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A new browser."""
    with browser(tmp_path, Page) as made:
        yield made


def test_filter_correct_by_keyboard_and_find_it_saved(page: Page, tags_file: Path, model: Model) -> None:
    corrections = tags_file.with_name("mine.jsonl")
    arguments = (tags_file, "--model", model.folder, "--corrections", corrections, "--annotator", "Ada")
    with started(*arguments, cwd=tags_file.parent) as view:
        page.open(view.url)
        assert page.shown(63)[0] == "p0"
        assert "token" not in page.driver.current_url
        page.picture("browse")

        Select(page.one("#topic")).select_by_value("topic:shelling")
        shelling = page.shown(int(page.one("#topic option:checked").text.split("(")[1].rstrip(")")))
        assert {"p0", "p3"} <= set(shelling)
        assert all(page.all(".paragraph .topic[data-topic=shelling]"))
        page.one("#words").send_keys("number 3" + Keys.ENTER)
        narrowed = page.shown(5)
        assert narrowed == ["p3", "p30", "p33", "p36", "p39"]
        page.one("#low").send_keys("0.0001" + Keys.ENTER)
        assert page.shown(5) == narrowed
        page.one("#high").send_keys("0.0001" + Keys.ENTER)
        assert page.shown(0) == []
        page.one("#filters [type=reset]").click()
        assert page.shown(63)[0] == "p0"

        page.one("#words").send_keys("Mortar" + Keys.ENTER)
        page.shown(20)
        page.tab_to_paragraphs()
        page.press("a")
        page.saved("✓ accepted")
        assert records_of(corrections)[0]["topics"] == ["shelling"]
        page.press("j")
        page.press("1")
        page.saved("✓ corrected")
        page.press("t")
        page.press("detention" + Keys.ENTER)
        page.until(lambda: records_of(corrections)[-1]["topics"] == ["detention"], "the added topic on the disk")
        page.saved("✓ corrected")
        page.press("e")
        page.until(lambda: page.focused.find_elements(By.TAG_NAME, "mark"), "evidence")
        page.picture("corrected")
        page.press("j")
        page.press("x")
        page.saved("✓ corrected")
        page.press("j")
        page.press("x")
        page.saved("✓ corrected")
        page.press("u")
        page.saved("")
        page.press("k")
        page.press("k")
        assert page.focused.find_element(By.CSS_SELECTOR, "h3 > span").text == "p3"

        page.driver.refresh()
        assert page.shown(20)[:4] == ["p0", "p3", "p6", "p9"]
        states = [element.text for element in page.all(".mark-corrected")][:4]
        assert states == ["✓ accepted", "✓ corrected", "✓ corrected", ""]
        code, told = view.stop()
        assert (code, told.splitlines()[-1]) == (0, f"3 paragraphs corrected in {corrections}")

    corpus = read_corpus(str(corrections), Columns(), None, where="data.train")
    assert corpus.paragraph_ids == ("p0", "p3", "p6")
    assert [sorted(topic for topic, on in zip(corpus.topics, row, strict=True) if on) for row in corpus.labels] == [
        ["shelling"],
        ["detention"],
        [],
    ]
    texts = {record["paragraph_id"]: record["text"] for record in archive()}
    assert corpus.texts.to_pylist() == [texts["p0"], texts["p3"], texts["p6"]]


def test_pages_are_turned_by_keyboard(page: Page, tags_file: Path) -> None:
    with started(tags_file, cwd=tags_file.parent) as view:
        page.open(view.url)
        seen = page.shown(63)
        page.tab_to_paragraphs()
        for _ in range(3):
            first = page.one(".paragraph h3 > span").text
            page.press("n")
            page.until(lambda first=first: page.one(".paragraph h3 > span").text != first, "the next page")
            seen += [element.text for element in page.all(".paragraph h3 > span:first-child")]
        assert seen == [record["paragraph_id"] for record in archive()]
        assert not page.one("#next").is_enabled()
        page.press("p")
        page.until(lambda: page.one(".paragraph h3 > span").text == "p40", "the page before")


def test_hostile_text_is_text(page: Page, tags_file: Path) -> None:
    with started(tags_file, cwd=tags_file.parent) as view:
        page.open(view.url)
        for at, words in enumerate(("DROP TABLE", "مدفعي", '"shells shells"')):
            page.one("#words").clear()
            page.one("#words").send_keys(words + Keys.ENTER)
            assert page.shown(1) == [f"h{at}"]
            text = page.one(".paragraph .text")
            assert text.get_property("textContent") == HOSTILE[at][:LONGEST]
            assert text.get_property("childElementCount") == 0
            direction = page.run("return getComputedStyle(arguments[0]).direction", text)
            assert direction == ("rtl" if at == 1 else "ltr")
            assert page.too_wide(1280) <= 0
            assert page.too_wide(420) <= 0
            page.picture(f"hostile-{at}")
            page.too_wide(1280)
        assert page.driver.title == "tags.parquet – conflict-topics"


def test_a_pasted_article_shows_its_evidence(page: Page, model: Model, tmp_path: Path) -> None:
    with started(model.folder, cwd=tmp_path) as view:
        page.open(view.url)
        article = "Mortar <b>shells</b> hit the port.\n\nFamilies fled to a camp.\n\nNothing else."
        page.one("#text").send_keys(article)
        page.one("#article-form [type=submit]").click()
        page.until(lambda: len(page.all("#tagged mark")) >= 2, "evidence")
        texts = [element.get_property("textContent") for element in page.all("#tagged .text")]
        assert texts == article.split("\n\n")
        assert [element.text for element in page.all("#tagged .topic.shown .name")] == ["shelling", "displacement"]
        assert page.all("#tagged b") != []
        assert {element.text.lower() for element in page.all("#tagged mark:not(.against)")} & {"mortar", "shells"}
        page.picture("article")
        saved = tmp_path / "page.html"
        saved.write_text(
            "<html><body><article><p>Mortar shells hit the old port of the town again on Monday, people there said.</p></article></body></html>"
        )
        page.one("#file").send_keys(str(saved))
        page.until(lambda: page.one("#told").text.startswith("1 paragraph,"), "the paragraph of the file")


def test_what_is_not_saved_is_never_shown_as_saved(page: Page, tags_file: Path) -> None:
    with started(tags_file, cwd=tags_file.parent) as view:
        page.open(view.url)
        page.shown(63)
        view.stop()
        page.tab_to_paragraphs()
        page.press("a")
        page.until(lambda: "was stopped" in page.one("#problem").text, "the problem")
        page.saved("")
        # The browser's own note that the server is gone is all that the console holds.
        assert all("ERR_CONNECTION_REFUSED" in entry["message"] for entry in page.driver.get_log("browser"))
    assert not tags_file.with_name("tags.corrections.jsonl").exists()
