#!/usr/bin/python3
"""count_junit.py FILE: prints "PASSED FAILED" of a JUnit file. A skipped test counts as failed: it shows nothing."""
import sys
import xml.etree.ElementTree as ElementTree

passed = failed = 0
for case in ElementTree.parse(sys.argv[1]).iter("testcase"):
    if any(case.find(kind) is not None for kind in ("failure", "error", "skipped")):
        failed += 1
    else:
        passed += 1
print(passed, failed)
