#!/usr/bin/python3
"""Holds the sources against the house rules that no compiler knows.

Layers: ground < ports < domain < programs; a file includes its own layer or one below, and no program another one.
Each vendor header has its owners. Functions have at most 70 lines, files at most 600. Comments are /* */, and none says
that something is still to be done. Prints file:line for each breach and exits 1 when there is one.

    check_layers.py [FILE...]      without files: all of them
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
COLUMNS_MAX = 120

LAYERS = {"ground": 0, "ports": 1, "domain": 2}
PROGRAMS = ("fcgi-app", "consumer", "ctl")
PROGRAM_LAYER = 3
TEST_LAYER = 4

# Who may include a vendor's header: patterns of paths. GLib, jansson and the C library are everybody's.
OWNERS = {
    r"mysql.*\.h|mariadb/.*|mysql/.*": r"common/ports/db\w*\.[ch]",
    r"amqp.*\.h|rabbitmq-c/.*": r"common/ports/mq\w*\.[ch]",
    r"curl/.*": r"common/ports/(smtp|http|curl)\w*\.[ch]",
    r"sodium.*": r"common/ports/seal\w*\.[ch]",
    r"cjose/.*": r"common/ports/token\w*\.[ch]",
    r"openssl/.*": r"common/ports/verify\w*\.[ch]",
    r"fcgi.*\.h": r"fcgi-app/(main|worker|serve|server|loop|request|response)\w*\.[ch]",
    r"systemd/.*": r"(common/ports/service|fcgi-app/listen)\w*\.[ch]",
    r"cmocka\.h": r"tests/.*",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
# Strings, characters and comments, so that what is inside them is not taken for code.
TOKEN = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', re.S)


def sources():
    places = ("common/*/*.[ch]", "common/*.[ch]", *(f"{p}/*.[ch]" for p in PROGRAMS), "tests/*/*.[ch]")
    return sorted(path for place in places for path in ROOT.glob(place))


def layer_of(name):
    """The layer of a path below the root, or None when it belongs to none."""
    parts = name.split("/")
    if parts[0] == "common" and len(parts) > 2:
        return LAYERS.get(parts[1])
    if parts[0] in PROGRAMS:
        return PROGRAM_LAYER
    return TEST_LAYER if parts[0] == "tests" else None


def resolve(name, target):
    """The file that #include "target" in name means: beside it, below common/ or below the root."""
    for base in ((ROOT / name).parent, ROOT / "common", ROOT, *(ROOT / p for p in PROGRAMS), ROOT / "tests"):
        path = base / target
        if path.is_file():
            return path.resolve().relative_to(ROOT).as_posix()
    return None


def check_quoted(name, target):
    found = resolve(name, target)
    if found is None:
        return f'"{target}" is no file of ours'
    own, other = layer_of(name), layer_of(found)
    if other is None or own is None:
        return None if found.startswith("schema/") else f'"{target}" lies outside the layers'
    if other > own:
        return f'"{target}" lies in a layer above'
    if own == other == PROGRAM_LAYER and name.split("/")[0] != found.split("/")[0]:
        return f'"{target}" belongs to another program'
    return None


def check_vendor(name, target):
    if name.startswith("tests/"):
        return None
    for header, owner in OWNERS.items():
        if re.fullmatch(header, target) and not re.fullmatch(owner, name):
            return f"<{target}> may only be included by {owner}"
    return None


def check_includes(name, lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            problem = (check_quoted if match[1] == '"' and not match[2].endswith(".def") else check_vendor)(name, match[2])
            if problem:
                yield number, problem


def blank(match):
    """Spaces for a token, its line ends kept."""
    return re.sub(r"[^\n]", " ", match[0])


def check_comments(text):
    for match in TOKEN.finditer(text):
        number = text.count("\n", 0, match.start()) + 1
        if match[0].startswith("//"):
            yield number, "a // comment; use /* */"
        if match[0].startswith("/") and UNFINISHED.search(match[0]):
            yield number, f"unfinished: {UNFINISHED.search(match[0])[0]}"


def check_functions(code):
    """A body begins with a brace alone in the first column (the house style) and ends with the next one there."""
    began = None
    for number, line in enumerate(code, 1):
        if line.rstrip() == "{":
            began = number
        elif line.startswith("}") and began is not None:
            lines = number - began - 1
            if lines > FUNCTION_LINES_MAX:
                yield began, f"a function of {lines} lines; at most {FUNCTION_LINES_MAX}"
            began = None


def check_lines(lines):
    if len(lines) > FILE_LINES_MAX:
        yield FILE_LINES_MAX + 1, f"a file of {len(lines)} lines; at most {FILE_LINES_MAX}"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, f"a line of {len(line)} columns; at most {COLUMNS_MAX}"
        if "\t" in line or line != line.rstrip():
            yield number, "a tab, or space at the end"


def check_guard(name, text):
    if name.endswith(".h") and not re.search(r"^#ifndef (BELLMAN_\w+_H)\n#define \1$", text, re.M):
        yield 1, "no include guard BELLMAN_..._H"


def check(path):
    name = path.resolve().relative_to(ROOT).as_posix()
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")[:-1] if text.endswith("\n") else text.split("\n")
    code = TOKEN.sub(blank, text).split("\n")
    breaches = [*check_includes(name, lines), *check_comments(text), *check_functions(code), *check_lines(lines),
                *check_guard(name, text)]
    return [f"{name}:{number}: {problem}" for number, problem in sorted(breaches)]


def main(arguments):
    paths = [pathlib.Path(a) for a in arguments] or sources()
    print(f"layers ({len(paths)} files)", flush=True)
    breaches = [breach for path in paths for breach in check(path)]
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
