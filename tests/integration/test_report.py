"""The report in a real browser, opened from disk: no error, no network, filters and items, speed and size."""

import json
import re

import browser
import pytest
import report
import tables

from maple import shown_items

pytestmark = pytest.mark.skipif(not browser.executable(), reason="no Chromium; .ci/browser installs it on Debian")

# Our own sentences: two options, the first is right.
SENTENCES = {
    "en": ("The bakery opens at six.", ["Yes", "No"]),
    "ar": ("يفتح المخبز في السادسة صباحًا.", ["نعم", "لا"]),
    "hi": ("बेकरी सुबह छह बजे खुलती है।", ["हाँ", "नहीं"]),
    "th": ("ร้านขนมปังเปิดหกโมงเช้า", ["ใช่", "ไม่"]),
    "zh": ("面包店早上六点开门。", ["是", "否"]),
}


def write_items(folder, systems, languages):
    """Write 30 items a language; every system but the first of each base is wrong on one item of three."""
    for code in languages:
        words, options = SENTENCES[code]
        items = [{"id": f"{code}-{place}", "prompt": f"{words} <{place}>", "options": options, "gold": 0}
                 for place in range(30)]  # fmt: skip
        answers = []
        for path in systems:
            wrong = [not path.endswith("base") and place % 3 == 0 for place in range(30)]
            answers.append({"credit": [float(not part) for part in wrong], "chosen": [int(part) for part in wrong],
                            "scores": [-1.25, -2.5] * 30})  # fmt: skip
        content = {"benchmark": "xcopa", "language": code, "options": ["choice1", "choice2"], "demonstrations": [],
                   "systems": systems, "items": items, "answers": answers}  # fmt: skip
        shown_items.write(folder / f"xcopa/{code}.js", content)


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A report on 66 systems, 80 languages and six benchmarks, all numbers random."""
    folder = tmp_path_factory.mktemp("large")
    made = tables.large()
    for name in report.TABLES:
        getattr(made, name).to_csv(folder / f"{name}.csv", index=False)
    systems = list(made.scores["system"].unique())
    assert len(systems) == 66 and made.scores.groupby("benchmark").size().tolist() == [66 * 80] * 6
    write_items(folder / "report", systems, SENTENCES)
    index = folder / "report/xcopa/index.json"
    index.write_text(json.dumps({"spec": {}, "code": "0", "inputs": {}, "files": {}}), encoding="utf-8")
    prompts = {name: f"config/prompts/{name}/mega.yaml" for name in made.scores["benchmark"].unique()}
    spec = {"study": "Synthetic </script> & study", "benchmarks": {name: ["local", prompts[name]] for name in prompts},
            "methods": {}, "statistics": {}, "systems": systems, "notes": ["A note."]}  # fmt: skip
    arguments = ["--spec", json.dumps(spec), "--items", str(index), "--out", str(folder / "report.html")]
    for name in report.TABLES:
        arguments += [f"--{name}", str(folder / f"{name}.csv")]
    assert report.main(arguments) == 0
    return folder / "report.html"


def column(page, code):
    """Return the place of a language in the benchmark shown."""
    return page.locator(".cell").first.evaluate(
        "(_, code) => JSON.parse(document.getElementById('summary').textContent).benchmarks"
        "[document.getElementById('benchmark').value].languages.indexOf(code)",
        code,
    )


def open_items(page, code, row):
    page.locator(f".cell[data-column='{column(page, code)}']").nth(row).click()
    page.wait_for_selector("#items-table tbody .result")


def test_size_and_time_to_interactive(large, tmp_path):
    assert large.stat().st_size < 15e6
    with browser.opened(large, tmp_path) as (page, seen):
        ready = int(page.evaluate("document.documentElement.dataset.ready"))
        assert page.locator("#cells tbody .cell").count() == 66 * 80
        assert page.title() == "Synthetic </script> & study"
    assert ready <= 5000 and not seen.errors
    assert seen.requests == [large.resolve().as_uri()]


def test_choosing_and_sorting(large, tmp_path):
    with browser.opened(large, tmp_path) as (page, seen):
        page.select_option("#benchmark", label="XCOPA")
        page.locator("#languages-chosen").click()
        page.get_by_role("button", name="none").click()
        for code in ("hi", "th"):
            page.locator("#languages").get_by_label(re.compile(rf"\({code}\)")).check()
        assert page.locator("#cells thead abbr").all_inner_texts() == ["hi", "th"]
        page.locator("#systems-chosen").click()
        page.locator("#systems").get_by_label("4-bit").uncheck()
        page.locator("#systems").get_by_label("untuned").uncheck()
        assert page.locator("#cells tbody tr").count() == 40
        page.locator("#cells thead th").nth(2).click()
        page.wait_for_selector("#cells thead th:nth-child(3)[aria-sort=descending]")
        values = [float(text) for text in page.locator("#cells tbody td:nth-child(3) .cell").all_inner_texts()]
        assert values == sorted(values, reverse=True) and len(set(values)) > 1
        page.select_option("#measure", "change")
        assert all(re.fullmatch(r"[+−]?\d+\.\d", text) for text in page.locator(".cell").all_inner_texts())
    assert not seen.errors


def test_keys_and_hovering_show_n_and_interval(large, tmp_path):
    with browser.opened(large, tmp_path, width=390, height=800) as (page, seen):
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.locator(".cell[tabindex='0']").focus()
        first = page.locator("#tip").inner_text()
        assert re.search(r"95 % interval \d+\.\d to \d+\.\d\), n = 1,000", first)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert page.locator("#tip").inner_text() != first
        assert page.locator(".cell[tabindex='0']").count() == 1
        page.keyboard.press("Escape")
        assert page.locator("#tip").is_hidden()
        unnamed = "button, select, input, [role=region]"
        assert page.locator(unnamed).evaluate_all(
            "nodes => nodes.filter(node => !(node.ariaLabel || node.labels?.length || node.textContent.trim() ||"
            " node.getAttribute('aria-labelledby'))).length"
        ) == 0  # fmt: skip
    assert not seen.errors


def test_the_items_behind_a_cell(large, tmp_path):
    with browser.opened(large, tmp_path, dark=True) as (page, seen):
        page.select_option("#benchmark", label="XCOPA")
        for code, (words, options) in SENTENCES.items():
            open_items(page, code, 1)
            prompt = page.locator("#items-table .prompt").first
            assert prompt.get_attribute("lang") == code and words in prompt.inner_text()
            assert prompt.evaluate("node => getComputedStyle(node).unicodeBidi") == "plaintext"
            assert options[0] in page.locator("#items-table .option").first.inner_text()
            page.keyboard.press("Escape")
        open_items(page, "ar", 1)
        choices = page.locator("#items-filter option").all_inner_texts()
        assert choices == ["all (30)", "right (20)", "wrong (10)", "right untuned, not right here (10)"]
        page.select_option("#items-filter", "wrong")
        assert set(page.locator("#items-table .result").all_inner_texts()) == {"wrong"}
        first = page.locator("#items-table .option")
        assert "gold" in first.nth(0).inner_text() and "predicted" in first.nth(1).inner_text()
        page.get_by_label("Search the items").fill("ar-12")
        assert page.locator("#items-table tbody tr").count() == 1
        # Text that looks like markup stays text.
        assert "<12>" in page.locator("#items-table .prompt").inner_text()
        page.get_by_role("button", name="Close the items").click()
        assert page.locator("#items").is_hidden()
    assert not seen.errors
    assert {url.removeprefix(large.parent.resolve().as_uri()) for url in seen.requests} == {
        "/report.html", *(f"/report/xcopa/{code}.js" for code in SENTENCES)
    }  # fmt: skip


def test_items_that_are_not_there_are_named(large, tmp_path):
    with browser.opened(large, tmp_path) as (page, _):
        page.locator(".cell").first.click()
        page.wait_for_function("document.getElementById('items-about').textContent.includes('Keep that folder')")


def test_the_report_of_a_study_that_ran(finished, tmp_path):
    path = finished.folder / "results/report.html"
    with browser.opened(path, tmp_path) as (page, seen):
        assert "Sample data" in page.locator(".caveat").first.inner_text()
        row = page.locator("[aria-label=Benchmarks] tbody tr").inner_text()
        assert row.split("\t") == ["XNLI", "sample", "likelihood", "config/prompts/xnli/native.yaml", "0", "2", "6"]
        open_items(page, "sw", 1)
        assert page.locator("#items-table tbody tr").count() == 6
        shown = page.locator("#items-table .prompt, #items-table .option .text").all_inner_texts()
        own = json.loads((finished.folder / "results/benchmarks/xnli/sw.jsonl").read_text().splitlines()[0])
        assert own["fields"]["hypothesis"].rstrip(".") in "".join(shown)
    assert not seen.errors
