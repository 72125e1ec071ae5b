#!/usr/bin/python3
"""coverage.py DIR: line coverage per directory and the files that tests reach least, from gcov's JSON."""
import collections
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile


def read_counts(build):
    """{source: {line: times run}}, summed over every object that compiled the line."""
    counts = collections.defaultdict(lambda: collections.defaultdict(int))
    data_files = [str(p.resolve()) for p in pathlib.Path(build).rglob("*.gcda")]
    with tempfile.TemporaryDirectory() as scratch:
        for start in range(0, len(data_files), 50):
            subprocess.run(["gcov", "--json-format", "--preserve-paths", *data_files[start:start + 50]],
                           cwd=scratch, check=True, stdout=subprocess.DEVNULL)
            for report in pathlib.Path(scratch).glob("*.gcov.json.gz"):
                for entry in json.loads(gzip.decompress(report.read_bytes()))["files"]:
                    for line in entry["lines"]:
                        counts[entry["file"]][line["line_number"]] += line["count"]
                report.unlink()
    return counts


def main():
    counts = {f: lines for f, lines in read_counts(sys.argv[1]).items() if not f.startswith(("/", "tests/"))}
    if not counts:
        sys.exit("coverage: no data under " + sys.argv[1])
    areas = collections.defaultdict(lambda: [0, 0])
    files = []
    for name, lines in counts.items():
        hit, total = sum(1 for n in lines.values() if n), len(lines)
        files.append((hit / total, name, hit, total))
        for area in (str(pathlib.Path(name).parent), "total"):
            areas[area][0] += hit
            areas[area][1] += total
    print("\nLeast covered files")
    for share, name, hit, total in sorted(files)[:10]:
        print(f"  {share:6.1%}  {hit:5}/{total:<5} {name}")
    print("Coverage by directory")
    for area, (hit, total) in sorted(areas.items(), key=lambda item: (item[0] == "total", item[0])):
        print(f"  {hit / total:6.1%}  {hit:5}/{total:<5} {area}")


if __name__ == "__main__":
    main()
