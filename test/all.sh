#!/bin/sh
# npm test: builds, checks, installs the real servers and clients where they are missing, runs every test.
# The last lines are node's own summary: tests, pass, fail, skipped.
set -eu
cd "$(dirname "$0")/.."
# Costs every Node process 70 ms, and no test needs it.
unset NODE_EXTRA_CA_CERTS

sh init/build.sh
node_modules/.bin/biome check --error-on-warnings .
sh test/support/install-peers.sh

# Interop tests start whole servers, and some take ports and places of the machine: at most as many files at once as
# there are cores, and no more than two.
find dist/test -name '*.test.js' | sort >dist/test/files
# shellcheck disable=SC2046 # a list of names without spaces
exec node --test --test-concurrency=2 --test-timeout=600000 --test-reporter=spec $(cat dist/test/files)
