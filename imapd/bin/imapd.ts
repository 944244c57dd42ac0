/**
 * The program `imapd`: the IMAP server itself, its settings' check, the hand of the control scripts, and, with a maildir
 * as argument, one session on standard input.
 */
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { AlreadyRunning, askControl } from '../../init/runtime/control.js';
import {
  EXIT_SETTINGS,
  EXIT_USAGE,
  ProgramFailure,
  runProgram,
  settingsDirectory,
} from '../../init/runtime/program.js';
import { withoutPassword } from '../../init/runtime/secret.js';
import { describeProblem } from '../../init/runtime/settings-file.js';
import { StartFailure } from '../../init/runtime/supervisor.js';
import { CertificateFailure, readTlsMaterial } from '../../init/runtime/tls-helpers.js';
import { runImapd } from '../main.js';
import { type ImapdSettings, readImapdSettings } from '../settings/settings-reader.js';

const usage = `Usage: imapd                      run the server in the foreground
       imapd --check              look for mistakes in the settings, and end
       imapd --dump-config        show every setting, its value, and where it comes from
       imapd --control COMMAND    ask a running server: status, reload, open SERVICE, close SERVICE, forget-delays
       imapd MAILDIR              one session on standard input and output, already logged in

Options:
  --config DIRECTORY   where the settings are; else $COURIER_CONFDIR, else /etc/courier
  --open SERVICE       imapd or imapd-ssl; may be repeated. Without it: what IMAPDSTART and IMAPDSSLSTART say
  --help, --version

SIGTERM ends the server, SIGHUP makes it read its settings and certificates again.`;

await runProgram({ name: 'imapd', usage, run });

async function run(words: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(words);
  const directory = values.config ?? settingsDirectory();
  const [first] = positionals;
  if (values.check === true) return check(readImapdSettings(directory));
  if (values['dump-config'] === true) return dump(readImapdSettings(directory));
  if (values.rc === true) return showForControlScript(readImapdSettings(directory));
  if (values.control === true) return control(readImapdSettings(directory), positionals.join(' '));
  if (values.wait !== undefined) return wait(readImapdSettings(directory), Number(values.wait));
  if (first !== undefined) {
    const { servePreauth } = await import('./preauth.js');
    await servePreauth(first, directory);
    return 0;
  }
  return await serve(directory, values.open ?? []);
}

function readArguments(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      allowPositionals: true,
      options: {
        check: { type: 'boolean' },
        'dump-config': { type: 'boolean' },
        control: { type: 'boolean' },
        config: { type: 'string' },
        open: { type: 'string', multiple: true },
        // For the control scripts: shell variables; wait for the server of this keeper.
        rc: { type: 'boolean' },
        wait: { type: 'string' },
      },
    });
  } catch (error) {
    throw new ProgramFailure(`${error instanceof Error ? error.message : error}\n${usage}`, EXIT_USAGE);
  }
}

async function serve(directory: string, open: readonly string[]): Promise<number> {
  // Set by init/keeper, the loop of the control scripts that started this process.
  const keeper = Number(process.env['ANGARIUM_KEEPER'] ?? 0);
  const services = open.length > 0 ? open : servicesToOpen(readImapdSettings(directory), keeper);
  if (services.length === 0) {
    throw new ProgramFailure('nothing to open: IMAPDSTART and IMAPDSSLSTART both say NO; see --open', EXIT_SETTINGS);
  }
  try {
    await runImapd({ directory, open: services, daemon: keeper !== 0, ...(keeper === 0 ? {} : { keeper }) });
    process.exit(0);
  } catch (error) {
    const known = error instanceof StartFailure || error instanceof AlreadyRunning;
    throw known ? new ProgramFailure(error.message, EXIT_SETTINGS) : error;
  }
}

/** With a keeper, its pid in a pid file says which services are wanted: they come back after a crash, too. */
function servicesToOpen(settings: ImapdSettings, keeper: number): readonly string[] {
  if (keeper === 0 || settings.problems.length > 0) return settings.startAtBoot;
  const isWanted = (file: string) => existsSync(file) && Number(readFileSync(file, 'utf8')) === keeper;
  return [...(isWanted(settings.pidFile) ? ['imapd'] : []), ...(isWanted(settings.sslPidFile) ? ['imapd-ssl'] : [])];
}

/** Everything that is wrong, certificates included; what is only strange goes to the same place, and does not count. */
function check(settings: ImapdSettings): number {
  const problems = settings.problems.map(describeProblem);
  try {
    if (problems.length === 0) readTlsMaterial(settings.configuration.tls, Buffer.alloc(48), warn);
  } catch (error) {
    if (!(error instanceof CertificateFailure)) throw error;
    problems.push(error.message);
  }
  for (const warning of settings.warnings) warn(describeProblem(warning));
  for (const problem of problems) process.stderr.write(`error: ${problem}\n`);
  if (problems.length === 0) process.stdout.write('No errors found.\n');
  return problems.length === 0 ? 0 : EXIT_SETTINGS;
}

function warn(text: string): void {
  process.stderr.write(`warning: ${text}\n`);
}

function dump(settings: ImapdSettings): number {
  for (const { name, value, origin } of settings.settings.inUse()) {
    const place = origin === undefined ? 'default' : `${origin.file}:${origin.line}`;
    process.stdout.write(`${name}=${quoted(withoutPassword(value))}  # ${place}\n`);
  }
  for (const warning of settings.warnings) warn(describeProblem(warning));
  for (const problem of settings.problems) process.stderr.write(`error: ${describeProblem(problem)}\n`);
  return settings.problems.length === 0 ? 0 : EXIT_SETTINGS;
}

/** Shell variables for init/imapd.rc; with wrong settings, too, because a server must be stopped all the same. */
function showForControlScript(settings: ImapdSettings): number {
  for (const problem of settings.problems) process.stderr.write(`${describeProblem(problem)}\n`);
  process.stdout.write(`PIDFILE=${quoted(settings.pidFile)} SSLPIDFILE=${quoted(settings.sslPidFile)}\n`);
  return settings.problems.length === 0 ? 0 : EXIT_SETTINGS;
}

async function control(settings: ImapdSettings, command: string): Promise<number> {
  try {
    const answer = await askControl(settings.configuration.controlSocket, command);
    if (answer !== '') process.stdout.write(`${answer}\n`);
    return 0;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const isDown = code === 'ENOENT' || code === 'ECONNREFUSED';
    throw new ProgramFailure(
      isDown ? 'not running' : String(error instanceof Error ? error.message : error),
      isDown ? 3 : 1,
    );
  }
}

/** Waits until the server is ready, or the process that keeps it has given up. */
async function wait(settings: ImapdSettings, keeper: number): Promise<number> {
  for (;;) {
    const status = await askControl(settings.configuration.controlSocket, 'status').catch(() => '');
    if (status.startsWith('ready')) return 0;
    if (!isAlive(keeper)) return 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** As a shell reads it back. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
