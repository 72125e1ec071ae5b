#!/usr/bin/python3
"""A job type in Python, run as a program: writes a CSV file of made-up payslips and says where it is.

    payload  {"month": "2026-11", "employees": 500, "directory": "/var/lib/reports"}
    result   {"file": "/var/lib/reports/payroll-2026-11.csv", "rows": 500}

The payload comes on standard input, the result goes to standard output, reports to descriptor 3, one JSON object per line.
The same job may run twice (a worker may die in between): the file is written beside its place and then moved there, so
that a second run replaces the first one's work.
"""
import csv
import json
import os
import pathlib
import re
import sys

EX_DATAERR = 65  # Bellman does not try again
EX_TEMPFAIL = 75  # Bellman tries again


def fail(code, text):
    print(text, file=sys.stderr)  # the job's error message
    sys.exit(code)


def main():
    payload = json.load(sys.stdin)
    reports = os.fdopen(3, "w", encoding="utf-8", buffering=1)

    def report(**members):
        print(json.dumps(members), file=reports)

    month, employees = payload.get("month"), payload.get("employees", 100)
    if not re.fullmatch(r"\d{4}-\d{2}", str(month)) or not isinstance(employees, int) or employees < 1:
        fail(EX_DATAERR, "month must be YYYY-MM and employees a number from 1")
    directory = pathlib.Path(payload.get("directory", "/var/lib/reports"))
    if not directory.is_dir():
        report(retry_after_s=30)  # instead of the type's retry policy
        fail(EX_TEMPFAIL, f"{directory} is not there; is it mounted?")

    file = directory / f"payroll-{month}.csv"
    part = file.with_suffix(f".{os.environ['BELLMAN_JOB_ID']}.part")
    report(log=f"writing {file}, attempt {os.environ['BELLMAN_ATTEMPT']}")
    with part.open("w", newline="", encoding="utf-8") as out:
        table = csv.writer(out)
        table.writerow(["employee", "month", "net"])
        for number in range(1, employees + 1):
            table.writerow([number, month, 2000 + number % 700])
            if number % 100 == 0:
                report(progress=100 * number // employees, message=f"{number} of {employees}")
    part.replace(file)
    json.dump({"file": str(file), "rows": employees}, sys.stdout)


main()
