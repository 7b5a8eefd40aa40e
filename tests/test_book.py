"""Citations of docs/linux32 ("spec" and a number) and links between the pages lead somewhere."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
import re

import pytest

HOME = Path(__file__).parent.parent
BOOK = HOME / "docs" / "linux32"
DETAILED = ("cgroups", "files", "ipc", "namespaces", "proc-kthreads", "ptrace-x86", "sockets")
PAGES = sorted({*HOME.glob("*.md"), *(HOME / "docs").rglob("*.md"), *(HOME / "tests").glob("*.md")})
SOURCES = sorted(
    path for name in ("src", "tests", "fuzz", "bench", "examples") for path in (HOME / name).rglob("*")
    if path.suffix in {".py", ".c", ".h", ".sh", ".toml"}
)

ANCHOR = re.compile(r'<a id="([^"]*)"></a>')
HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
NUMBERED = re.compile(r"^#+ ([A-F]\d*|\d+(?:\.\d+)*) ", re.MULTILINE)
NO_PROSE = re.compile(r"^```.*?^```$|(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^()\s]+(?:\([^()]*\))?)\)")

GAP = r"(?:\s|\n\s*#)+"         # a line may end inside, and the next one begin as a comment
SECTION = r"(?:[A-F]?\d+(?:\.\d+)*|[A-F]\b)"
PART = rf",?{GAP}(?:steps?|rows?|entry){GAP}\d+(?:(?:{GAP}to{GAP}|-)\d+)?"
CITED = rf"{SECTION}(?:{PART})?"
CITATION = re.compile(rf"\bspec{GAP}(?:({'|'.join(DETAILED)}){GAP})?({CITED}(?:(?:,|,?{GAP}and|{GAP}to){GAP}{CITED})*)")


def citations(text):
    """Yield where a text cites, and page and anchor; the page is "" for the main part."""
    for match in CITATION.finditer(text):
        for cited in re.finditer(CITED, match[2]):
            section = re.match(SECTION, cited[0])[0]
            yield match.start(), match[1] or "", f"s{section}"
            for part in re.findall(r"\d+", cited[0][len(section):]):
                yield match.start(), match[1] or "", f"s{section}.{part}"


@cache
def text_of(path):
    return path.read_text(encoding="utf-8")


@cache
def anchors():
    """Return what can be cited: page and anchor, the page being "" for all that is not a page in detail."""
    return {
        (path.stem if path.stem in DETAILED else "", anchor)
        for path in BOOK.glob("*.md") for anchor in ANCHOR.findall(text_of(path))
    }


@cache
def all_citations():
    """Return file and line, page and anchor of every citation in the repository."""
    return [
        (f"{path.relative_to(HOME)}:{text.count(chr(10), 0, at) + 1}", page, anchor)
        for path in [*SOURCES, *PAGES] for text in [text_of(path)] for at, page, anchor in citations(text)
    ]


def unresolved(known):
    """Return a line for each citation that leads to none of the known anchors."""
    return [
        f"{where}: {' '.join(filter(None, ['spec', page, anchor[1:]]))}"
        for where, page, anchor in all_citations() if (page, anchor) not in known
    ]


def test_every_citation_leads_to_a_section():
    assert not unresolved(anchors())


def test_a_section_that_is_taken_out_is_missed():
    """Whichever of the cited ones it is."""
    cited = {(page, anchor) for where, page, anchor in all_citations() if where.startswith("src")}
    assert len(cited) > 50
    for page, anchor in cited:
        missed = unresolved(anchors() - {(page, anchor)})
        assert missed
        assert all(line.split("spec ")[1] == " ".join(filter(None, [page, anchor[1:]])) for line in missed)


@pytest.mark.parametrize(("text", "found"), [
    ("(fs/x.c; spec {8}, {9.1})", ["s8", "s9.1"]),
    ("spec {10.2} to {10.8}.", ["s10.2", "s10.8"]),
    ("spec {7.1} steps {14}-{18}, {7.8}).", ["s7.1", "s7.1.14", "s7.1.18", "s7.8"]),
    ("spec {2.2}, rows {3} to {6}", ["s2.2", "s2.2.3", "s2.2.6"]),
    ("spec\n    # {8.2} step\n    # {6}.", ["s8.2", "s8.2.6"]),
    ("spec ipc {4.2} and {5}", ["ipc s4.2", "ipc s5"]),
    ("spec cgroups {B3}; spec cgroups {C}.", ["cgroups sB3", "cgroups sC"]),
    ("a spec of mmap(2), spec: str", []),
])
def test_how_a_citation_is_read(text, found):
    """The braces keep these from being citations of this file."""
    plain = re.sub(r"[{}]", "", text)
    assert [" ".join(filter(None, cited)) for _, *cited in citations(plain)] == found


def test_numbered_sections_have_their_anchors():
    """One before each heading with a number, nowhere twice; in the main part numbers are unique over all pages."""
    main = Counter()
    for path in BOOK.glob("*.md"):
        text = text_of(path)
        here = Counter(ANCHOR.findall(text))
        assert not [anchor for anchor, times in here.items() if times > 1], path.name
        if path.stem not in DETAILED:
            main += here
        for match in NUMBERED.finditer(text):
            assert text[:match.start()].endswith(f'<a id="s{match[1]}"></a>\n\n'), f"{path.name}: {match[0]}"
    assert not [anchor for anchor, times in main.items() if times > 1]


def test_the_sections_of_the_main_part_are_all_there():
    """1 to 23: what other people's notes and old commits cite stays where it was."""
    assert {("", f"s{number}") for number in range(1, 24)} <= anchors()


def test_every_page_is_on_the_first_one():
    """Of the book, and of docs/ itself."""
    for home in (BOOK, HOME / "docs"):
        linked = {target.partition("#")[0] for target in LINK.findall(text_of(home / "README.md"))}
        assert {path.name for path in home.glob("*.md")} - {"README.md"} <= linked


def slugs(text):
    """Return the anchors of a page: explicit ones, and those that GitHub makes of headings."""
    seen = Counter()
    for _, title in HEADING.findall(re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
        slug = re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")
        seen[slug] += 1
        yield slug if seen[slug] == 1 else f"{slug}-{seen[slug] - 1}"
    yield from ANCHOR.findall(text)


@cache
def slugs_of(path):
    return set(slugs(text_of(path)))


def dead_links(path, home=HOME):
    """Return a line for each link of a page that leads nowhere, or out of the repository."""
    text = NO_PROSE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text_of(path))
    found = []
    for match in LINK.finditer(text):
        if re.match(r"https?://", match[1]):
            continue
        name, _, anchor = match[1].partition("#")
        target = (path.parent / name).resolve() if name else path
        inside = target.is_relative_to(home.resolve()) and target.exists()
        if not inside or (anchor and (target.suffix != ".md" or anchor not in slugs_of(target))):
            found.append(f"{path.relative_to(home)}:{text.count(chr(10), 0, match.start()) + 1}: {match[1]}")
    return found


@pytest.mark.parametrize("path", PAGES, ids=[str(path.relative_to(HOME)) for path in PAGES])
def test_links_lead_somewhere(path):
    assert not dead_links(path)


def test_a_dead_link_is_noticed(tmp_path):
    """A page that is not there, a section that is not there, a way out of the repository."""
    page = tmp_path / "page.md"
    page.write_text(
        '# Some Title, and `code`\n\n<a id="s1"></a>\n\n[a](#some-title-and-code) [b](page.md#s1) [c](gone.md)\n'
        "[d](page.md#s2) `[e](gone.md)` [f](../..) [g](https://example.org)\n",
        encoding="utf-8",
    )
    assert dead_links(page, tmp_path) == ["page.md:5: gone.md", "page.md:6: page.md#s2", "page.md:6: ../.."]
