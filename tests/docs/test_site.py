"""The docs as a site: its navigation, and what its hooks change on a page. CI builds it with `--strict`."""

from __future__ import annotations

import re
import runpy

from documents import DOCS, ROOT

CONFIGURATION = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
HOOKS = runpy.run_path(str(ROOT / "docs/site_hooks.py"))


def converted(text: str) -> str:
    return HOOKS["converted"](text, "how-to/draw-pictures.md", "https://example.com/code")  # type: ignore[no-any-return]


def test_the_navigation_lists_every_page_once() -> None:
    navigation = CONFIGURATION.partition("\nnav:\n")[2]
    listed = re.findall(r"^ +- (?:.*: )?([\w./-]+\.md)$", navigation, re.MULTILINE)
    assert sorted(listed) == sorted(DOCS), "add the page to `nav` of mkdocs.yml, or remove it there"


def test_a_picture_switches_with_the_theme() -> None:
    picture = """\
<picture>
  <source media="(prefers-color-scheme: dark)" srcset="../images/net-dark.svg">
  <img alt="A net" src="../images/net.svg">
</picture>
"""
    light, dark = "![A net](../images/net.svg#only-light)", "![A net](../images/net-dark.svg#only-dark)"
    assert converted(picture) == f"{light}{dark}\n"
    elements = sum(path.read_text(encoding="utf-8").count("<picture>") for path in DOCS.values())
    shown = sum(converted(path.read_text(encoding="utf-8")).count("#only-dark") for path in DOCS.values())
    assert shown == elements >= 10


def test_an_image_becomes_markdown_which_the_site_checks() -> None:
    assert converted('<img alt="A net" src="../images/net.png">') == "![A net](../images/net.png)"
    for path in DOCS.values():
        prose = re.sub(r"^```.*?^```$", "", converted(path.read_text(encoding="utf-8")), flags=re.MULTILINE | re.DOTALL)
        assert not re.search(r"<(img|picture|a) ", prose), path


def test_a_wrong_spec_has_a_title_and_other_words_go() -> None:
    assert converted("```yaml wrong\nx: 1\n```\n") == '```yaml title="wrong"\nx: 1\n```\n'
    assert converted("```yaml right\nx: 1\n```\n") == "```yaml\nx: 1\n```\n"
    for path in DOCS.values():
        assert not re.search(r"^```\w+ \w+$", converted(path.read_text(encoding="utf-8")), re.MULTILINE), path


def test_links_lead_to_pages_of_codes_and_to_the_repository() -> None:
    assert converted("See `ARCH021`.") == "See [`ARCH021`](../reference/errors/ARCH021.md)."
    assert converted("[Code](../../examples/demo.sh)") == "[Code](https://example.com/code/blob/main/examples/demo.sh)"
    for kept in ("`ARCH999`", "[An op](../reference/ops/index.md)", "```text\n`ARCH021`\n```"):
        assert converted(kept) == kept
