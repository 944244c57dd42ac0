#!/bin/sh
# Runs the tests that depend most on Node itself on the current long-term release, too: native handles between
# processes, TLS, and every transcript, in memory and against the installed programs. dist/ is built already.
#
# That Node is an npm package, and is kept in node_modules/.cache/.
set -eu
cd "$(dirname "$0")/../.."
version=24
built=${1:-dist}
package=node-$(node -p '`${process.platform}-${process.arch}`')
cache=node_modules/.cache/node-$version
node=$cache/node_modules/$package/bin/node
if [ ! -x "$node" ]; then
  mkdir -p "$cache"
  [ -z "${ANGARIUM_TEST_CA_CERTS-}" ] || export NODE_EXTRA_CA_CERTS="$ANGARIUM_TEST_CA_CERTS"
  npm install --prefix "$cache" --no-audit --no-fund --loglevel=error "$package@$version" >&2
fi
unset NODE_EXTRA_CA_CERTS
PATH=$(cd "$(dirname "$node")" && pwd):$PATH
export PATH

echo "The same on Node $(node --version):"
find "$built/test/runtime" "$built/test/imap/transcripts.test.js" "$built/test/interop/transcripts-over-tls.test.js" \
  -name '*.test.js' | sort | xargs node --test --test-concurrency=2 --test-timeout=600000 --test-reporter=dot
