#!/bin/sh
# npm test: builds, checks, installs the real servers and clients where they are missing, runs every test.
# The last lines are node's own summary: tests, pass, fail, skipped. A test that was skipped counts as a failure.
set -eu
cd "$(dirname "$0")/.."

# As root the tests become other users, who must be able to read the programs: a private checkout is copied.
if [ "$(id -u)" = 0 ] && ! setpriv --reuid=65534 --regid=65534 --clear-groups test -r "$PWD/package.json"; then
  copy=$(mktemp -d /var/tmp/angarium-tests.XXXXXX)
  trap 'rm -rf "$copy"' EXIT
  cp -a . "$copy/checkout"
  chmod 755 "$copy"
  chmod -R go+rX "$copy/checkout"
  cd "$copy/checkout"
fi

# Costs every Node process 70 ms, and no test needs it. Those that install packages get it back.
ANGARIUM_TEST_CA_CERTS=${NODE_EXTRA_CA_CERTS-}
export ANGARIUM_TEST_CA_CERTS

sh init/build.sh
unset NODE_EXTRA_CA_CERTS
node_modules/.bin/biome check --error-on-warnings .
sh test/support/install-peers.sh

# Interop tests start whole servers, and the machine may be small: two files at once.
find dist/test -name '*.test.js' | sort >dist/test/files
code=0
# shellcheck disable=SC2046 # a list of names without spaces
node --test --test-concurrency=2 --test-timeout=1200000 \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=tap --test-reporter-destination=dist/test/results.tap \
  $(cat dist/test/files) || code=$?

sh test/support/newer-node.sh || code=$?

echo
grep -E '^# (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) ' dist/test/results.tap
if ! grep -q '^# skipped 0$' dist/test/results.tap || ! grep -q '^# todo 0$' dist/test/results.tap; then
  echo 'Tests were skipped: that is a failure.' >&2
  [ "$code" -ne 0 ] || code=1
fi
exit "$code"
