/**
 * The program `mkdhparams`: writes Diffie-Hellman parameters into the file of TLS_DHPARAMS, unless it is young.
 */
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { EXIT_USAGE, ProgramFailure, runProgram, settingsDirectory } from '../../init/runtime/program.js';
import { DH_BITS, dhParameters } from '../../init/runtime/tls/dh-parameters.js';
import { readImapdSettings } from '../settings/settings-reader.js';

const usage = `Usage: mkdhparams

Writes Diffie-Hellman parameters, for clients that know no elliptic curves, into the file that $TLS_DHPARAMS names, else
the setting TLS_DHPARAMS in imapd-ssl, else /etc/courier/dhparams.pem. Does nothing when the file is younger than 25 days,
so that a job may call it every day. The parameters are those of RFC 7919, which are sound, and known to clients.
$DH_BITS: ${DH_BITS.join(', ')}; without it 2048.`;

/** Courier's rule: a monthly job finds the file old enough, a second one on the same day does not. */
const YOUNG_MS = 25 * 86_400_000;

const DEFAULT_FILE = '/etc/courier/dhparams.pem';

await runProgram({ name: 'mkdhparams', usage, run });

function run(words: readonly string[]): number {
  if (words.length > 0) throw new ProgramFailure(usage, EXIT_USAGE);
  const bits = process.env['DH_BITS'] ?? '';
  // "high" is certtool's word, and what Debian's mkdhparams takes for granted.
  const parameters = dhParameters(bits === '' || bits === 'high' ? 2048 : Number(bits));
  if (parameters === undefined) throw new ProgramFailure(`DH_BITS=${bits}: write one of ${DH_BITS.join(', ')}`);
  const file = process.env['TLS_DHPARAMS'] ?? '';
  const path =
    file === '' ? (readImapdSettings(settingsDirectory()).configuration.tls.dhParametersFile ?? DEFAULT_FILE) : file;
  const status = statSync(path, { throwIfNoEntry: false });
  if (status !== undefined && Date.now() - status.mtimeMs < YOUNG_MS) return 0;
  const unfinished = `${path}.tmp`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, parameters, { mode: 0o600, flag: 'wx' });
  renameSync(unfinished, path);
  return 0;
}
