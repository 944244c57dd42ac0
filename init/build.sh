#!/bin/sh
# Brings the tree to a state that runs: packages from the lock file, dist/ from the sources, the programs of dist/bin/.
set -eu
cd "$(dirname "$0")/.."
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund --loglevel=error >&2
  touch node_modules/.package-lock.json
fi
node_modules/.bin/tsc
node dist/init/programs.js
