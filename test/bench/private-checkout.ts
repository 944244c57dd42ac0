/**
 * A checkout that only root can read, such as one below /root: mail workers run as another user and could not load their
 * programs from it. The bench then runs in a copy, and its results come to the checkout.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildRoot, checkoutRoot } from '../support/paths.js';

/** Set in the copy: the checkout that the results belong to. */
const ORIGINAL = 'ANGARIUM_BENCH_CHECKOUT';
const NOBODY = '65534';

/** The checkout that was asked to be measured. */
export const originalCheckout = process.env[ORIGINAL] ?? checkoutRoot;

/** @returns the exit code of the bench in a copy, or undefined when none is needed. */
export async function benchInCopy(): Promise<number | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const asNobody = [`--reuid=${NOBODY}`, '--clear-groups', 'test', '-r', join(buildRoot, 'bin', 'imapd')];
  if (spawnSync('setpriv', asNobody).status === 0) return undefined;
  const copy = mkdtempSync('/var/tmp/angarium-bench-');
  try {
    chmodSync(copy, 0o755);
    const checkout = join(copy, 'checkout');
    cpSync(checkoutRoot, checkout, { recursive: true, verbatimSymlinks: true });
    spawnSync('chmod', ['-R', 'go+rX', checkout]);
    const main = join(checkout, buildRoot.slice(checkoutRoot.length), 'test', 'bench', 'main.js');
    const child = spawn(process.execPath, [main, ...process.argv.slice(2)], {
      stdio: 'inherit',
      env: { ...process.env, [ORIGINAL]: checkoutRoot },
    });
    // A signal from the keyboard reaches both; this one waits for the other to tidy up.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal));
    return await new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
