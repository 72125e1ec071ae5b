#!/bin/sh
# npm_ci.sh DIR: installs what DIR/package-lock.json names into DIR/node_modules, unless it is there. Whoever comes meanwhile
# waits and finds it done.
set -eu

cd "$1"
exec 9<package-lock.json
flock 9
installed=node_modules/.package-lock.json
if [ -e "$installed" ] && [ ! package-lock.json -nt "$installed" ]; then
    exit 0
fi
echo "npm: installing $1"
exec npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
