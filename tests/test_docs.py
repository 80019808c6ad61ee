"""The documents stay true: what is drawn from code is as the code is, and every link leads somewhere."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote

import msgspec
import pytest

from grids import settings, telling
from grids.duties import readable, receipts
from streams import records
from streams.inlets.gateway import problems
from streams.ledger import records as ledger

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "README.zh.md", *sorted((ROOT / "docs").glob("*.md"))]
CHENGDU = ROOT / "config" / "chengdu"
RECORDS = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
PACK = (ROOT / "docs" / "city-pack.md").read_text(encoding="utf-8")

_LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:href|src)=\"([^\"]+)\"")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


@pytest.fixture(scope="module")
def lifecycle():
    spec = importlib.util.spec_from_file_location("docs_lifecycle", ROOT / "docs" / "lifecycle.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _links(page):
    text = _CODE.sub("", page.read_text(encoding="utf-8"))
    found = (match[1] or match[2] for match in _LINK.finditer(text))
    return [link for link in found if not re.match(r"[a-z][a-z0-9+.-]*:", link)]


def _anchors(page):
    """Return the anchors that GitHub gives a page's headings."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    heads = re.findall(r"^#+\s+(.*?)\s*$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_state_verb_and_role_of_the_table_has_its_words(lifecycle):
    assert lifecycle.missing() == set()


def test_the_drawn_life_cycle_is_that_of_the_code(lifecycle):
    drawn = lifecycle.FILE.read_text(encoding="utf-8")
    assert drawn == lifecycle.page(), "the table has changed: run `python docs/lifecycle.py`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file_and_its_heading(page):
    for link in _links(page):
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link} leads nowhere"
        if anchor and target.suffix == ".md":
            assert anchor.lower() in _anchors(target), f"{page.name}: {link}: no such heading in {target.name}"


def _records():
    for module in (records, receipts, ledger):
        for name, record in vars(module).items():
            if (
                isinstance(record, type)
                and issubclass(record, msgspec.Struct)
                and record.__module__.startswith(module.__name__)
            ):
                yield pytest.param(record, id=name)


def _section(record):
    """Return what records.md says under the record's own heading, else in the section that names it."""
    sections = re.split(r"^## ", RECORDS, flags=re.MULTILINE)[1:]
    own = re.compile(rf"\b{record.__name__}\b")
    headed = [section for section in sections if own.search(section.splitlines()[0])]
    return "\n".join(headed or [section for section in sections if own.search(section)])


@pytest.mark.parametrize("record", list(_records()))
def test_every_field_of_every_record_is_explained(record):
    explained = set(re.findall(r"`(\w+)`", _section(record)))
    names = [field.encode_name for field in msgspec.structs.fields(record)]
    assert [name for name in names if name not in explained] == []


def test_every_reason_of_a_refusal_or_dead_letter_says_what_to_do():
    raised = re.compile(
        r"(?:Refusal|RouteError|NotAllowedError|CategoryError|problem|_dead)\([^\"']*?\"([A-Z_]{5,})\""
    )
    sources = [path for package in ("grids", "streams") for path in (ROOT / package).rglob("*.py")]
    reasons = {reason for path in sources for reason in raised.findall(path.read_text(encoding="utf-8"))}
    reasons |= set(problems._ZH)
    explained = set(re.findall(r"^\| `([A-Z_]+)` \|", RECORDS, flags=re.MULTILINE))
    assert len(reasons) > 25, "the pattern no longer finds the places that raise"
    assert reasons - explained == set()


@pytest.mark.parametrize(
    "form",
    [
        settings.CityForm,
        settings.LayerForm,
        settings.Tier,
        settings.DuplicatesForm,
        telling.AlertsForm,
        telling.Storm,
        telling.Tell,
        telling.Way,
    ],
)
def test_every_key_of_a_packs_toml_files_is_explained(form):
    explained = set(re.findall(r"`\[*(\w+)", PACK))
    assert [name for name in form.__struct_fields__ if name not in explained] == []


def _blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", PACK, flags=re.MULTILINE | re.DOTALL)


def test_every_row_of_an_example_stands_in_the_demo_pack():
    lines = {line for file in CHENGDU.glob("*.csv") for line in file.read_text(encoding="utf-8-sig").splitlines()}
    assert [line for block in _blocks("csv") for line in block.splitlines() if line not in lines] == []


def test_every_toml_example_stands_in_the_demo_pack_or_is_a_default():
    tables = [tomllib.loads(file.read_text(encoding="utf-8")) for file in CHENGDU.glob("*.toml")]
    for block in _blocks("toml"):
        for name, stated in tomllib.loads(block).items():
            known = [table.get(name) for table in tables]
            if isinstance(stated, list):
                assert any(stated[0] in (found or []) for found in known), block
            else:
                assert stated in known, block


def test_every_verdict_of_a_row_and_every_rule_of_the_lint_is_explained():
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "grids" / "duties").glob("*.py"))
    verdicts = set(readable._WHY["zh"])
    assert [why for why in sorted(verdicts) if why not in RECORDS or why not in PACK] == []
    rules = set(re.findall(r"\"(L[0-9]+)\"", sources))
    explained = set(re.findall(r"^\| (L[0-9]+) \|", PACK, flags=re.MULTILINE))
    assert rules - explained == set()
    assert explained == {f"L{number}" for number in range(1, 13)}


@pytest.mark.parametrize("file", sorted(CHENGDU.glob("*.csv")), ids=lambda file: file.name)
def test_every_table_of_the_demo_pack_has_its_header_as_an_example(file):
    header = file.read_text(encoding="utf-8-sig").splitlines()[0]
    assert header in PACK


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name == "docs"], ids=lambda page: page.name)
def test_every_file_of_the_code_that_a_document_names_is_there(page):
    named = re.findall(r"`((?:grids|streams|tests|config|docs)/[\w./-]*)`", page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_name_of_the_code_in_the_glossary_stands_in_the_code():
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    sources = [path for package in ("grids", "streams") for path in (ROOT / package).rglob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    names = {
        name
        for span in re.findall(r"`([^`\n]+)`", glossary)
        if "/" not in span
        for name in re.findall(r"[A-Za-z_]{4,}", span)
    }
    commands = {"onegrid", "toml"}
    assert sorted(name for name in names - commands if not re.search(rf"\b{name}\b", code)) == []
