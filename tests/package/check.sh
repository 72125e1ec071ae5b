#!/bin/sh
# check.sh: packs web/ as npm would publish it, and uses it as another application does: types, then a run.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cd "$root/web"
npm run --silent package
npm pack --silent --pack-destination "$scratch" >/dev/null
mkdir -p "$scratch/app/node_modules/bellman-web"
tar -xzf "$scratch"/bellman-web-*.tgz -C "$scratch/app/node_modules/bellman-web" --strip-components=1
for peer in react zustand @types; do
    ln -s "$root/web/node_modules/$peer" "$scratch/app/node_modules/$peer"
done
cp "$root/tests/package/use.tsx" "$root/tests/package/run.mjs" "$scratch/app/"
cd "$scratch/app"
"$root/web/node_modules/.bin/tsc" --noEmit --strict --jsx react-jsx --target es2022 --module esnext --moduleResolution bundler \
    --types node use.tsx
node run.mjs
