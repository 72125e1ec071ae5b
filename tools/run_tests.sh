#!/bin/sh
# run_tests.sh PROFILE:SUITE...: runs suites against the build of a profile; the last line is "N passed, N failed".
#   unit         tests/unit: one program per module
#   integration  tests/integration: real servers, three files at a time
#   faults       tests/faults, each case in its short form
#   web          the page: types, unit tests, size, the package, and tests/e2e in Chromium against real servers
#   smoke        the files of it that touch every thread of both programs; for the sanitizers
# PYTEST_ARGS is handed to pytest. Run it from the repository.
set -u
passed=0 failed=0 summary= failures=

export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:exitcode=99}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-exitcode=99:second_deadlock_stack=1}"
export G_SLICE=always-malloc

smoke="tests/integration/test_jobs.py tests/integration/test_job_types.py tests/integration/test_mixed_jobs.py
tests/integration/test_rolling.py"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

note() {
    passed=$((passed + $2)) failed=$((failed + $3))
    summary="$summary
  $(printf '%-22s %5d passed, %d failed' "$1" "$2" "$3")"
}

# Several at a time, for those that take long wait for most of it; the largest first, which are among them.
run_unit() {
    good=0 bad=0
    rm -rf "$scratch/unit"
    mkdir "$scratch/unit"
    export UNIT_OUT="$scratch/unit"
    ls -S tests/unit/test_*.c | xargs -P 4 -I{} sh -c 'name=$(basename "$1" .c)
        timeout 180 "$BELLMAN_BUILD/tests/unit/$name" >"$UNIT_OUT/$name.out" 2>&1
        echo $? >"$UNIT_OUT/$name.rc"' sh {}
    for source in tests/unit/test_*.c; do
        name=$(basename "$source" .c)
        mv "$UNIT_OUT/$name.out" "$scratch/out"
        code=$(cat "$UNIT_OUT/$name.rc")
        if [ "$code" = 0 ]; then
            count=$(sed -n 's/^\[ *PASSED *\] \([0-9]*\) test.*/\1/p' "$scratch/out" | awk '{s += $1} END {print s + 0}')
            good=$((good + count))
            printf '  ok     %-44s %4d\n' "${source##*/}" "$count"
        else
            bad=$((bad + 1))
            printf '  FAILED %-44s exit %d\n' "${source##*/}" "$code"
            failures="$failures
  FAILED $1 ${source##*/}, exit $code
$(grep -e ERROR -e LINE -e Sanitizer "$scratch/out" | head -n 8)"
            grep -v -e '^\[ RUN ' -e '^\[       OK' "$scratch/out" | tail -n 60
        fi
    done
    note "$1" "$good" "$bad"
}

# Failures of pytest are counted from its JUnit file, so that a crash of pytest itself is a failure too.
run_pytest() {
    label=$1
    shift
    rm -f "$scratch/junit.xml"
    /usr/bin/python3 -m pytest -p no:cacheprovider -q --timeout=300 --junit-xml="$scratch/junit.xml" ${PYTEST_ARGS:-} "$@"
    code=$?
    counts=$(/usr/bin/python3 tools/count_junit.py "$scratch/junit.xml") || counts="0 1"
    good=${counts% *} bad=${counts#* }
    [ "$code" = 0 ] || [ "$bad" != 0 ] || bad=1
    note "$label" "$good" "$bad"
    [ "$bad" = 0 ] || failures="$failures
$(/usr/bin/python3 tools/count_junit.py --failures "$scratch/junit.xml" | sed "s/^/  FAILED $label /")"
}

# What vitest says is counted as pytest's is.
run_vitest() {
    label=$1
    shift
    rm -f "$scratch/vitest.xml"
    (cd web && npx --no-install vitest run --reporter=default --reporter=junit --outputFile.junit="$scratch/vitest.xml" "$@")
    code=$?
    counts=$(/usr/bin/python3 tools/count_junit.py "$scratch/vitest.xml") || counts="0 1"
    good=${counts% *} bad=${counts#* }
    [ "$code" = 0 ] || [ "$bad" != 0 ] || bad=1
    note "$label" "$good" "$bad"
    [ "$bad" = 0 ] || failures="$failures
$(/usr/bin/python3 tools/count_junit.py --failures "$scratch/vitest.xml" | sed "s/^/  FAILED $label /")"
}

# One thing that holds or does not.
run_check() {
    label=$1
    shift
    if "$@"; then
        note "$label" 1 0
    else
        note "$label" 0 1
        failures="$failures
  FAILED $label"
    fi
}

run_web() {
    run_check "$1 types" sh -c 'cd web && npx --no-install tsc --noEmit && npx --no-install tsc --noEmit -p ../tests/e2e'
    run_check "$1 size" tools/web_size.py build/web
    run_check "$1 package" tests/package/check.sh
    run_vitest "$1 unit"
    run_vitest "$1 e2e" --config vitest.e2e.config.ts
}

for entry in "$@"; do
    BELLMAN_BUILD=build/${entry%%:*}
    export BELLMAN_BUILD
    echo "== $entry"
    case ${entry#*:} in
    unit) run_unit "$entry" ;;
    integration) run_pytest "$entry" -n 3 --dist loadfile tests/integration ;;
    faults) run_pytest "$entry" --short -n 2 --dist loadfile tests/faults ;;
    web) run_web "$entry" ;;
    smoke) run_pytest "$entry" -n 2 --dist loadfile $smoke ;;
    *) echo "run_tests.sh: no suite '$entry'" >&2; exit 64 ;;
    esac
done
printf '%s\n' "--------$summary$failures"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
