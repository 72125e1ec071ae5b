#!/usr/bin/python3
"""count_junit.py [--failures] FILE: prints "PASSED FAILED" of a JUnit file, or the failed cases, a line each with its cause.

A skipped test counts as failed: it shows nothing."""
import sys
import xml.etree.ElementTree as ElementTree

KINDS = ("failure", "error", "skipped")

passed, failures = 0, []
for case in ElementTree.parse(sys.argv[-1]).iter("testcase"):
    found = [case.find(kind) for kind in KINDS if case.find(kind) is not None]
    if found:
        cause = " ".join((found[0].get("message") or "").split())[:200]
        failures.append(f"{case.get('classname')}::{case.get('name')}: {cause}")
    else:
        passed += 1
if sys.argv[1] == "--failures":
    print("\n".join(failures))
else:
    print(passed, len(failures))
