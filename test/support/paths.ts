/**
 * Where things stand: the checkout, and the build that this test runs from.
 *
 * Tests are compiled to BUILD/test/…; transcripts and maildirs are read from the checkout.
 */
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directory the compiler wrote to, such as `dist`. */
export const buildRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The checkout. */
export const checkoutRoot = dirname(buildRoot);

/** PATH of programs that tests start: our own run on the Node that runs the test, wherever that is. */
export const searchPath = [dirname(process.execPath), '/usr/sbin', '/usr/bin', '/sbin', '/bin'].join(delimiter);

/** Directory of the built programs: `maildirmake`, `authdaemond`, … */
export const programs = join(buildRoot, 'bin');
