#!/bin/sh
# npm run check: types, lint, format, house rules and the quick tests, in under a minute. Needs nothing but Node and npm.
set -eu
cd "$(dirname "$0")/.."
sh init/build.sh
unset NODE_EXTRA_CA_CERTS
node_modules/.bin/biome check --error-on-warnings .
# Quick: what starts no daemon and no other program, and does not go through every way a disk can fail.
find dist/test -name '*.test.js' ! -path '*/interop/*' ! -path '*/tools/*' ! -path '*/runtime/*' \
  ! -path '*/attacks/*' ! -name 'authdaemond.test.js' ! -name 'userdb.test.js' ! -name 'authaccounts*.test.js' ! -name 'failing-disk.test.js' ! -name 'two-processes.test.js' |
  sort | xargs node --test --test-concurrency=2 --test-reporter=dot --test-timeout=300000
