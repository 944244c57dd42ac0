#!/bin/sh
# npm run check: types, lint, format, house rules and the quick tests, in under a minute. Needs nothing but Node and npm.
set -eu
cd "$(dirname "$0")/.."
unset NODE_EXTRA_CA_CERTS
sh init/build.sh
node_modules/.bin/biome check --error-on-warnings .
# Quick: what needs no other program, no network and no installed server.
find dist/test -name '*.test.js' ! -path '*/interop/*' ! -path '*/tools/*' ! -path '*/runtime/*' | sort |
  xargs node --test --test-reporter=dot --test-timeout=60000
