/**
 * What the programs of the mail servers (imapd, pop3d) do alike: serve, look for mistakes in the settings, show them, and
 * be the hand of the control scripts.
 */
import { existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { EXIT_SETTINGS, EXIT_USAGE, ProgramFailure, runProgram, settingsDirectory } from '../program.js';
import { withoutPassword } from '../secret.js';
import { type MailServiceSettings, startSetting } from '../settings/mail-service-settings.js';
import { describeProblem } from '../settings/settings-file.js';
import { isAlive } from '../system/is-alive.js';
import { activatedSockets } from './activated-sockets.js';
import { AlreadyRunning, askControl, isGone, isNobody, whileEnding } from './control.js';
import type { MailServiceStart } from './mail-service.js';
import { StartFailure } from './start-failure.js';

type Settings = MailServiceSettings<unknown>;

/** No server runs. */
const EXIT_NOT_RUNNING = 3;

/** What is different in each. */
export interface MailServiceProgram {
  /** `imapd`: the program, and the name of its ports; those in TLS are called `imapd-ssl`. */
  readonly name: string;
  /** More lines of usage. */
  readonly moreUsage?: readonly string[];
  readonly read: (directory: string) => Settings;
  /** Runs the service until it is told to end. @throws {StartFailure} when it cannot start. */
  readonly serve: (start: MailServiceStart) => Promise<void>;
  /** Does what the first word of the command line, which is no option, asks for. */
  readonly runWord?: (word: string, directory: string) => Promise<void>;
}

/** Runs such a program. */
export async function runMailServiceProgram(program: MailServiceProgram): Promise<void> {
  const usage = usageOf(program);
  await runProgram({ name: program.name, usage, run: (words) => run(program, usage, words) });
}

function usageOf({ name, moreUsage = [] }: MailServiceProgram): string {
  return `Usage: ${[
    `${name}                      run the server in the foreground`,
    `${name} --check              look for mistakes in the settings, and end`,
    `${name} --dump-config        show every setting, its value, and where it comes from`,
    `${name} --control COMMAND    ask a running server: status, reload, open SERVICE, close SERVICE,`,
    `                             forget-delays, penalty list, penalty clear [ADDRESS]`,
    ...moreUsage,
  ].join('\n       ')}

Options:
  --config DIRECTORY   where the settings are; else $COURIER_CONFDIR, else /etc/courier
  --open SERVICE       ${name} or ${name}-ssl; may be repeated. Without it: what ${startSettings(name)} say
  --help, --version

SIGTERM ends the server, SIGHUP makes it read its settings and certificates again.`;
}

function startSettings(name: string): string {
  return `${startSetting(name)} and ${startSetting(`${name}-ssl`)}`;
}

async function run(program: MailServiceProgram, usage: string, words: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(usage, words);
  const { read } = program;
  const directory = values.config ?? settingsDirectory();
  const [first] = positionals;
  if (values.check === true) return await check(read(directory));
  if (values['dump-config'] === true) return dump(read(directory));
  if (values.rc === true) return showForControlScript(read(directory));
  if (values.control === true) return control(read(directory), positionals.join(' '));
  if (values.wait !== undefined) return wait(read(directory), Number(values.wait));
  if (values.join !== undefined) return join(read(directory), values.join);
  if (values.gone === true) return (await isGone(read(directory).configuration.controlSocket)) ? 0 : 1;
  if (first === undefined) return await serve(program, directory, values.open ?? []);
  if (program.runWord === undefined) throw new ProgramFailure(`${first} is not understood\n${usage}`, EXIT_USAGE);
  await program.runWord(first, directory);
  return 0;
}

function readArguments(usage: string, words: readonly string[]) {
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
        // For the control scripts: shell variables; wait for the server of this keeper; open the ports of this service in
        // a server that runs, and stays; wait for one that ends, and say whether none is there.
        rc: { type: 'boolean' },
        wait: { type: 'string' },
        join: { type: 'string' },
        gone: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new ProgramFailure(`${error instanceof Error ? error.message : error}\n${usage}`, EXIT_USAGE);
  }
}

async function serve(program: MailServiceProgram, directory: string, open: readonly string[]): Promise<number> {
  const { name, read } = program;
  // Set by init/keeper, the loop of the control scripts that started this process.
  const keeper = Number(process.env['ANGARIUM_KEEPER'] ?? 0);
  const services = open.length > 0 ? open : servicesToOpen(name, read(directory), keeper);
  if (services.length === 0 && activatedSockets().size === 0) {
    throw new ProgramFailure(`nothing to open: ${startSettings(name)} both say NO; see --open`, EXIT_SETTINGS);
  }
  try {
    await program.serve({ directory, open: services, daemon: keeper !== 0, ...(keeper === 0 ? {} : { keeper }) });
    process.exit(0);
  } catch (error) {
    const known = error instanceof StartFailure || error instanceof AlreadyRunning;
    throw known ? new ProgramFailure(error.message, EXIT_SETTINGS) : error;
  }
}

/** With a keeper, its pid in a pid file says which services are wanted: they come back after a crash, too. */
function servicesToOpen(name: string, settings: Settings, keeper: number): readonly string[] {
  if (keeper === 0 || settings.problems.length > 0) return settings.startAtBoot;
  const isWanted = (file: string) => existsSync(file) && Number(readFileSync(file, 'utf8')) === keeper;
  return [...(isWanted(settings.pidFile) ? [name] : []), ...(isWanted(settings.sslPidFile) ? [`${name}-ssl`] : [])];
}

/** Everything that is wrong, certificates included; what is only strange goes to the same place, and does not count. */
async function check(settings: Settings): Promise<number> {
  const problems = settings.problems.map(describeProblem);
  // Of wrong settings it would be said once more.
  if (!settings.problems.some(({ what }) => what.startsWith('TLS_'))) {
    const { checkTlsFiles } = await import('../tls/tls-files.js');
    const certificates = checkTlsFiles(settings.configuration.tls, Date.now());
    problems.push(...certificates.problems);
    for (const warning of certificates.warnings) warn(warning);
  }
  for (const warning of settings.warnings) warn(describeProblem(warning));
  for (const problem of problems) process.stderr.write(`error: ${problem}\n`);
  if (problems.length === 0) process.stdout.write('No errors found.\n');
  return problems.length === 0 ? 0 : EXIT_SETTINGS;
}

function warn(text: string): void {
  process.stderr.write(`warning: ${text}\n`);
}

function dump(settings: Settings): number {
  for (const { name, value, origin } of settings.settings.inUse()) {
    const place = origin === undefined ? 'default' : `${origin.file}:${origin.line}`;
    process.stdout.write(`${name}=${quoted(withoutPassword(value))}  # ${place}\n`);
  }
  for (const warning of settings.warnings) warn(describeProblem(warning));
  for (const problem of settings.problems) process.stderr.write(`error: ${describeProblem(problem)}\n`);
  return settings.problems.length === 0 ? 0 : EXIT_SETTINGS;
}

/** Shell variables for the control scripts; with wrong settings, too, because a server must be stopped all the same. */
function showForControlScript(settings: Settings): number {
  for (const problem of settings.problems) process.stderr.write(`${describeProblem(problem)}\n`);
  const { pidFile, sslPidFile, startAtBoot } = settings;
  const files = `PIDFILE=${quoted(pidFile)} SSLPIDFILE=${quoted(sslPidFile)}`;
  process.stdout.write(`${files} STARTATBOOT=${quoted(startAtBoot.join(' '))}\n`);
  return settings.problems.length === 0 ? 0 : EXIT_SETTINGS;
}

async function control(settings: Settings, command: string): Promise<number> {
  try {
    const answer = await askControl(settings.configuration.controlSocket, command);
    if (answer !== '') process.stdout.write(`${answer}\n`);
    return 0;
  } catch (error) {
    if (isNobody(error)) throw new ProgramFailure('not running', EXIT_NOT_RUNNING);
    throw new ProgramFailure(error instanceof Error ? error.message : String(error), 1);
  }
}

/** Without a server there is nothing to say: the script starts one. */
async function join(settings: Settings, service: string): Promise<number> {
  try {
    await whileEnding(() => askControl(settings.configuration.controlSocket, `open ${service}`));
    return 0;
  } catch (error) {
    if (isNobody(error)) return EXIT_NOT_RUNNING;
    throw new ProgramFailure(error instanceof Error ? error.message : String(error), 1);
  }
}

/** Waits until the server is ready, or the process that keeps it has given up. */
async function wait(settings: Settings, keeper: number): Promise<number> {
  for (;;) {
    const status = await askControl(settings.configuration.controlSocket, 'status').catch(() => '');
    if (status.startsWith('ready')) return 0;
    if (!isAlive(keeper)) return 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** As a shell reads it back. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
