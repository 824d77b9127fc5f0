"""The guide: pages of markdown beside this file, shipped with the package; ``python -m dualdiff guide [topic]``.

The first line of a page is its title, and the name of its file the topic.  The tests run every block of every page.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator


def pages() -> dict[str, str]:
    """The text of each page by its topic."""
    files = importlib.resources.files(__name__).iterdir()
    found = {file.name.removesuffix(".md"): file.read_text("utf-8") for file in files if file.name.endswith(".md")}
    return dict(sorted(found.items()))


def lines(words: list[str]) -> Iterator[str]:
    """The page that ``words`` name, whole or in part; the list of pages if they name none or several."""
    found = pages()
    wanted = "_".join(words).lower().replace("-", "_").removesuffix(".md")
    named = [wanted] if wanted in found else [topic for topic in found if wanted in topic]
    if words and len(named) == 1:
        yield found[named[0]].rstrip()
        return
    if words and not named:
        yield f"no page is called {' '.join(words)}; there are"
    for topic in named or found:
        title = found[topic].partition("\n")[0].removeprefix("# ")
        yield f"{topic:{max(map(len, found))}}  {title}"
    if not words:
        yield ""
        yield "python -m dualdiff guide TOPIC prints a page."


def main(words: list[str]) -> int:
    """Print the page, or the list; 1 if no page is called so."""
    print("\n".join(lines(words)))
    return int(not any("_".join(words).lower().replace("-", "_").removesuffix(".md") in topic for topic in pages()))
