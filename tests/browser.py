"""A real Chromium for pages, by short names; its console must stay empty and its requests on this machine."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_chromium = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver (see .ci/run)")
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    "--window-size=1280,1000",
]


class Browser:
    """What tests do with a page."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until the condition holds: the proof of everything that a page does by and by."""
        gone = (StaleElementReferenceException,)  # parts of the page may be drawn anew while they are looked at
        return WebDriverWait(self.driver, 60, ignored_exceptions=gone).until(lambda _: condition(), what)

    def one(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    @property
    def focused(self) -> WebElement:
        return self.driver.switch_to.active_element

    def press(self, keys: str) -> None:
        self.focused.send_keys(keys)

    def too_wide(self, width: int) -> int:
        """By how many pixels the page is wider than a screen of this width."""
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        return int(self.run("const e = document.documentElement; return e.scrollWidth - e.clientWidth"))

    def picture(self, name: str) -> None:
        """A screenshot, where SHOTS names a folder for them."""
        if folder := os.environ.get("SHOTS"):
            self.driver.save_screenshot(str(Path(folder) / f"{name}.png"))


Made = TypeVar("Made", bound=Browser)


@contextmanager
def browser(folder: Path, made: type[Made]) -> Iterator[Made]:
    """A new browser without any history; its profile is put into ``folder``."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={folder / 'browser'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(str(DRIVER)))
    try:
        yield made(driver)
        assert driver.get_log("browser") == []
        messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
        asked = [each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"]
        # The empty tab that a browser begins with is chrome: and data:, which are no requests to anywhere.
        hosts = {urlsplit(url).hostname for url in asked if not url.startswith(("chrome", "data:", "file:"))}
        assert hosts <= {"127.0.0.1"}
    finally:
        driver.quit()
