/**
 * Where things stand: the checkout, and the build that this test runs from.
 *
 * Tests are compiled to BUILD/test/…; transcripts and maildirs are read from the checkout.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The directory the compiler wrote to, such as `dist`. */
export const buildRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The checkout. */
export const checkoutRoot = dirname(buildRoot);

/** Directory of the built programs: `maildirmake`, `authdaemond`, … */
export const programs = join(buildRoot, 'bin');
