#!/usr/bin/python3
"""web_size.py DIR: what a first look at the page costs: its script and style, gzipped; and every view's own part.

Ends with 1 when the scripts that every visit loads are over the budget."""
import gzip
import pathlib
import re
import sys

BUDGET_BYTES = 120 * 1024

home = pathlib.Path(sys.argv[1])
html = (home / "index.html").read_text(encoding="utf-8")
first = set(re.findall(r"assets/[^\"]+", html))


def size(path):
    return len(gzip.compress(path.read_bytes(), 6))


def imported(name, seen):
    """A script and what it imports outright; import() is loaded when a view is opened."""
    if name in seen or not name.endswith(".js"):
        return
    seen.add(name)
    for other in re.findall(r"(?:from|import)\s*[\"']\./([^\"']+)[\"']", (home / name).read_text(encoding="utf-8")):
        imported(f"assets/{other}", seen)


scripts = set()
for name in first:
    imported(name, scripts)
total = sum(size(home / name) for name in scripts)
for path in sorted((home / "assets").iterdir(), key=size, reverse=True):
    mark = "first load" if f"assets/{path.name}" in first | scripts else ""
    print(f"  {size(path) / 1024:7.1f} KB  {path.name}  {mark}")
print(f"  first load: {total / 1024:.1f} KB of script, gzipped; at most {BUDGET_BYTES // 1024} KB")
sys.exit(total > BUDGET_BYTES)
