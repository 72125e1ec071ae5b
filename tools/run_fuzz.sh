#!/bin/sh
# run_fuzz.sh DIR SECONDS: every fuzzer in DIR for so long, from the corpus in tests/fuzz/corpus/<name>/ when there is one.
# New inputs go to build/, never into the repository; a crashing one stays in build/fuzz/crashes/ and should become a unit
# test.
set -u
dir=$1 seconds=$2 failed=0 count=0
mkdir -p build/fuzz/crashes
for program in "$dir"/fuzz_*; do
    case $program in *.o | *.d | *'*') continue ;; esac
    name=${program##*/}
    corpus=tests/fuzz/corpus/${name#fuzz_}
    mkdir -p "build/fuzz/corpus/$name"
    [ -d "$corpus" ] || corpus=
    count=$((count + 1))
    if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=0 \
        -artifact_prefix="build/fuzz/crashes/$name-" "build/fuzz/corpus/$name" $corpus >"build/fuzz/$name.log" 2>&1; then
        echo "  ok     $name: $(grep -a '^Done' "build/fuzz/$name.log" | tail -n 1)"
    else
        failed=1
        echo "  FAILED $name"
        tail -n 40 "build/fuzz/$name.log"
    fi
done
echo "fuzz: $count fuzzers, $seconds s each: $([ $failed = 0 ] && echo all passed || echo FAILED)"
exit $failed
