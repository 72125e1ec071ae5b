#!/bin/sh
# Installs the Debian packages that are missing: `deps.sh` for building, running and testing, `deps.sh bench` for the
# benchmark's extras. Starts no service: while packages are unpacked, policy-rc.d forbids it; services that already run on
# this machine are not touched.
set -eu

base="build-essential gcc make pkg-config libfcgi-dev librabbitmq-dev libmariadb-dev libjansson-dev
libcurl4-openssl-dev libglib2.0-dev libcjose-dev libsodium-dev libssl-dev libsystemd-dev libcmocka-dev mariadb-server-core
mariadb-client-core rabbitmq-server nginx-light openssl curl python3 python3-aiosmtpd python3-pytest
python3-pytest-timeout python3-pytest-xdist python3-hypothesis python3-requests python3-pymysql python3-pika
python3-yaml python3-jsonschema python3-jwt python3-cryptography clang libclang-rt-14-dev clang-tidy clang-format
cppcheck valgrind strace tzdata nodejs npm chromium"
bench="wrk python3-fastapi uvicorn python3-sqlalchemy python3-mysqldb python3-uvloop python3-httptools celery
redis-server ruby-sidekiq"

case "${1:-base}" in
base) wanted=$base ;;
bench) wanted=$bench ;;
*) echo "usage: $0 [base|bench]" >&2; exit 64 ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "deps: no dpkg here; install what packaging/ and this list name by hand:" $wanted >&2
    exit 0
fi

is_installed() {
    case $(dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null) in
    *installed*) return 0 ;;
    esac
    return 1
}

missing=
installed=$(dpkg-query -W -f '${Package} ${db:Status-Status}\n' | sed -n 's/ installed$//p')
for package in $wanted; do
    printf '%s\n' "$installed" | grep -qxF "$package" && continue
    # Any nginx that is there will do, and so will a full server beside the core packages.
    case $package in
    nodejs | npm) command -v "$(echo "$package" | sed s/js//)" >/dev/null && continue ;;
    nginx-light) if is_installed nginx || command -v nginx >/dev/null || [ -x /usr/sbin/nginx ]; then continue; fi ;;
    esac
    missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "deps: run as root, or install sudo; missing:$missing" >&2; exit 1; }
    as_root="sudo"
fi

echo "deps: installing$missing"
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
made_policy=
finish() {
    [ -z "$made_policy" ] || $as_root rm -f "$policy"
    rm -f "$log"
}
trap finish EXIT
trap 'exit 130' INT TERM
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    made_policy=1
    $as_root chmod 755 "$policy"
fi

install() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o Dpkg::Use-Pty=0 $missing >"$log" 2>&1
}
if ! install; then
    if ! $as_root apt-get update -qq >"$log" 2>&1 || ! install; then
        cat "$log" >&2
        echo "deps: apt-get could not install:$missing" >&2
        exit 1
    fi
fi
