#!/bin/sh
# run_tests.sh unit|integration...: runs the named suites of the build in $BELLMAN_BUILD and prints totals.
# PYTEST_ARGS is handed to pytest.
set -u
build=${BELLMAN_BUILD:-build/release}
failed=0
summary=

export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:exitcode=99}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-exitcode=99:second_deadlock_stack=1}"
export G_SLICE=always-malloc

run_unit() {
    programs=0 tests=0 broken=
    out=$(mktemp)
    for source in tests/unit/test_*.c; do
        [ -e "$source" ] || break
        program=$build/${source%.c}
        programs=$((programs + 1))
        if timeout 180 "$program" >"$out" 2>&1; then
            count=$(sed -n 's/^\[ *PASSED *\] \([0-9]*\) test.*/\1/p' "$out" | awk '{s += $1} END {print s + 0}')
            tests=$((tests + count))
            printf '  ok     %-44s %4d\n' "${source##*/}" "$count"
        else
            code=$?
            printf '  FAILED %-44s exit %d\n' "${source##*/}" "$code"
            grep -v -e '^\[ RUN ' -e '^\[       OK' "$out" | tail -n 60
            broken="$broken ${source##*/}"
        fi
    done
    rm -f "$out"
    if [ -n "$broken" ]; then
        failed=1
        summary="$summary
unit: $tests tests in $programs programs passed; FAILED:$broken"
    else
        summary="$summary
unit: $tests tests in $programs programs passed"
    fi
}

run_integration() {
    set -- tests/integration/test_*.py
    if [ ! -e "$1" ]; then
        summary="$summary
integration: no tests"
        return
    fi
    out=$(mktemp)
    status=$(mktemp)
    {
        BELLMAN_BUILD=$build /usr/bin/python3 -m pytest -p no:cacheprovider -q --timeout=300 ${PYTEST_ARGS:-} \
            tests/integration 2>&1
        echo $? >"$status"
    } | tee "$out"
    code=$(cat "$status")
    summary="$summary
integration: $(tail -n 1 "$out" | tr -d '=')"
    [ "$code" = 0 ] || failed=1
    rm -f "$out" "$status"
}

for suite in "$@"; do
    case $suite in
    unit) run_unit ;;
    integration) run_integration ;;
    *) echo "run_tests.sh: no suite '$suite'" >&2; exit 64 ;;
    esac
done
echo "--------$summary"
exit $failed
