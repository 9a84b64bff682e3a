"""The page in a real browser: no error, no request, names for all controls, and right numbers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import scalinglaws as sl

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"
    ),
    pytest.mark.filterwarnings("ignore::scalinglaws.ExtrapolationWarning"),
]
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_NAMED = {"slider", "textbox", "radio", "button", "region", "image", "table", "checkbox", "link"}


@pytest.fixture(scope="module")
def fitted() -> sl.Fit:
    """A law on runs of the Chinchilla kind."""
    rng = np.random.default_rng(1)
    N, D = np.exp(rng.uniform(18, 23, 60)), np.exp(rng.uniform(21, 26, 60))
    loss = (1.8 + 480 / N**0.35 + 2085 / D**0.37) * np.exp(0.006 * rng.standard_normal(60))
    return sl.fit(pd.DataFrame({"N": N, "D": D, "loss": loss}), "chinchilla", confidence_level=0.9)


@pytest.fixture(scope="module")
def driver(fitted: sl.Fit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser that shows the page, with what it logs."""
    folder = tmp_path_factory.mktemp("browser")
    fitted.report(folder / "page.html", C="1e24")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (*_OPTIONS, f"--user-data-dir={folder / 'profile'}", "--window-size=1280,900"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    found = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    found.get((folder / "page.html").as_uri())
    yield found
    found.quit()


def _set(driver: Any, name: str, value: str) -> None:
    """Type a value, as a user does."""
    driver.execute_script(
        "const e=document.getElementById(arguments[0]);e.value=arguments[1];"
        "e.dispatchEvent(new Event(e.type==='range'?'input':'change'))", name, value,
    )  # fmt: skip


def _mode(driver: Any, name: str) -> None:
    driver.find_element("css selector", f"input[value={name}]").click()


def _shown(driver: Any) -> dict[str, float]:
    """The numbers of the planner."""
    script = (
        "return Object.fromEntries([...document.querySelectorAll('#rows data')]"
        ".map(e=>[e.id.slice(2),Number(e.value)]))"
    )
    return dict(driver.execute_script(script))


def _text(driver: Any, name: str) -> str:
    return str(driver.execute_script(f"return document.getElementById('{name}').textContent"))


def test_budgets(driver: Any, fitted: sl.Fit) -> None:
    """Typed and by the slider: those of `optimal`, and of the forecast there."""
    _mode(driver, "plan")
    for C in (1.3e20, 7.1e22, 2.9e24):
        _set(driver, "Ct", f"{C:g}")
        best, shown = sl.optimal(fitted, C=C).iloc[0], _shown(driver)
        found = fitted.forecast.predict(N=best["N"], D=best["D"])
        assert shown["N"] == pytest.approx(best["N"], rel=1e-3)
        assert shown["D"] == pytest.approx(best["D"], rel=1e-3)
        assert shown["law"] == pytest.approx(best["loss"], rel=1e-4)
        assert shown["forecast"] == pytest.approx(found.estimate, rel=1e-3)
        bill = sl.planning.bill(C, device="H100", utilisation=0.4, price=2.0)
        assert shown["hours"] == pytest.approx(bill["hours"].item(), rel=1e-3)
    _set(driver, "Cr", "22.5")
    best = sl.optimal(fitted, C=10**22.5).iloc[0]
    assert _shown(driver)["N"] == pytest.approx(best["N"], rel=1e-3)
    assert _text(driver, "code") == 'sl.optimal(fit, C="3.16e22")'


def test_serving_and_limited_data(driver: Any, fitted: sl.Fit) -> None:
    """Those of `serving` and of `limited_data`."""
    _set(driver, "Ct", "5e23")
    _mode(driver, "served")
    for served in ("400B", "6T", "40T"):
        _set(driver, "St", served)
        plan, shown = sl.serving(fitted, served=served, budget=5e23).iloc[0], _shown(driver)
        for name in ("N", "D"):
            assert shown[name] == pytest.approx(plan[name], rel=1e-3), served
        assert shown["law"] == pytest.approx(plan["loss"], rel=1e-4)
        assert shown["share"] == pytest.approx(plan["serving"] / 5e23, rel=5e-3)
    _mode(driver, "unique")
    for unique in ("60B", "300B", "90T"):
        _set(driver, "Ut", unique)
        plan, shown = sl.limited_data(fitted, C=5e23, unique=unique).iloc[0], _shown(driver)
        for name in ("N", "D", "epochs"):
            assert shown[name] == pytest.approx(plan[name], rel=1e-3), unique
        assert shown["law"] == pytest.approx(plan["loss"], rel=1e-4)
    _set(driver, "Ut", "1M")
    assert _text(driver, "msg").startswith("No plan: With so few unique tokens")
    _mode(driver, "plan")


def test_prices(driver: Any) -> None:
    """The hours move with the utilisation, the answer with the price."""
    _set(driver, "Ct", "1e24")
    before = _shown(driver)["hours"]
    _set(driver, "Mt", "20")
    assert _shown(driver)["hours"] == pytest.approx(2 * before, rel=1e-9)
    _set(driver, "Pt", "4")
    assert "5\u202f600\u202f000 at this price" in _text(driver, "ans")
    _set(driver, "Mt", "40")
    _set(driver, "Pt", "2")


def test_what_is_no_number_is_marked(driver: Any) -> None:
    """And leaves the plan as it was."""
    _set(driver, "Ct", "1e24")
    before = _shown(driver)
    _set(driver, "Ct", "much")
    field = driver.find_element("id", "Ct")
    assert field.get_attribute("aria-invalid") == "true"
    assert _shown(driver) == before
    _set(driver, "Ct", "1e24")
    assert field.get_attribute("aria-invalid") is None


def test_keys_and_pointer(driver: Any, fitted: sl.Fit) -> None:
    """Arrow keys move a slider, and step through the runs; a point tells its run."""
    keys = webdriver.Keys
    slider = driver.find_element("id", "Cr")
    before = _shown(driver)["N"]
    slider.send_keys(keys.ARROW_LEFT * 10)
    assert _shown(driver)["N"] < before
    picture = driver.find_element("css selector", "svg.wide")
    picture.send_keys(keys.ARROW_LEFT)
    largest = (fitted.runs.values["N"] * fitted.runs.values["D"]).argmax()
    assert _text(driver, "hover").startswith(f"row {fitted.runs.index[largest]}N ")
    picture.send_keys(keys.ESCAPE)
    assert not driver.find_element("id", "hover").is_displayed()
    dot = driver.find_element("css selector", "svg.wide [data-run='20']")
    webdriver.ActionChains(driver).move_to_element(dot).perform()
    assert _text(driver, "hover").startswith("row ")


def test_every_control_has_a_name(driver: Any) -> None:
    """For those who hear the page."""
    nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes if not node["ignored"]
    ]  # fmt: skip
    assert {"slider", "textbox", "radio", "image"} <= {role for role, _ in roles}
    assert not [role for role, name in roles if role in _NAMED and not name]


def test_narrow_screens_do_not_scroll_sideways(driver: Any) -> None:
    """At 390 px, in light and dark."""
    for scheme in ("light", "dark"):
        feature = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": feature})
        size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= 390
        driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_without_script_the_page_is_read(driver: Any) -> None:
    """The plan, as a table, and a word on the planner."""
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    driver.refresh()
    assert driver.find_element("css selector", "noscript p").is_displayed()
    assert not driver.find_element("id", "planner").is_displayed()
    assert "1e24" in driver.find_element("css selector", "#h-plan ~ div table").text
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    driver.refresh()


def test_no_error_and_no_request(driver: Any) -> None:
    """In all of this; the policy has stopped nothing either."""
    assert driver.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = {
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
        and event["params"]["documentURL"].startswith("file:")  # not the browser's start page
    }
    assert {Path(url).name for url in asked} == {"page.html"}
    assert all(url.startswith("file:") for url in asked)
