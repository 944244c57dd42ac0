/**
 * The program `authdaemond`: the daemon in the foreground, and the check of its settings.
 */
import { parseArgs } from 'node:util';
import { logLine, logTo } from '../../init/runtime/log/log.js';
import {
  EXIT_SETTINGS,
  EXIT_USAGE,
  ProgramFailure,
  runProgram,
  settingsDirectory,
} from '../../init/runtime/program.js';
import { withoutPassword } from '../../init/runtime/secret.js';
import { describeProblem } from '../../init/runtime/settings/settings-file.js';
import { isAlive } from '../../init/runtime/system/is-alive.js';
import { realClock } from '../../init/runtime/system/real-clock.js';
import { AuthClient } from '../client.js';
import { isAnswered, runAuthdaemond, StartFailure } from '../main.js';
import { moduleStates } from '../module-states.js';
import { BUILT_IN_MODULES, checkModule } from '../modules/built-in-modules.js';
import { checkOauthSettings } from '../oauth/oauth-settings.js';
import { type AuthdaemonSettings, readAuthdaemonSettings, socketPathOf } from '../settings.js';

/** A daemon that has lost its keeper finds that out and ends; so long it is waited for. */
const GONE_MS = 10_000;
const LOOK_MS = 50;

const usage = `Usage: authdaemond                  run the daemon in the foreground
       authdaemond --check          look for mistakes in authdaemonrc and the files of its modules, and end
       authdaemond --dump-config    show every setting, its value, and where it comes from
       authdaemond --modules        show which modules are built in, enabled, and reachable now

Options:
  --config DIRECTORY   where authdaemonrc is; else $COURIER_CONFDIR, else /etc/courier
  --daemon             log where LOGTO says, not on stderr
  --help, --version

SIGTERM ends the daemon, SIGHUP makes it read its settings again.`;

await runProgram({ name: 'authdaemond', usage, run });

async function run(words: readonly string[]): Promise<number> {
  const values = readArguments(words);
  const configDirectory = values.config ?? settingsDirectory();
  if (values.check === true) return check(readAuthdaemonSettings(configDirectory), configDirectory);
  if (values['dump-config'] === true) return dump(readAuthdaemonSettings(configDirectory));
  if (values.modules === true) return showModules(readAuthdaemonSettings(configDirectory), configDirectory);
  if (values.rc === true) return showForControlScript(readAuthdaemonSettings(configDirectory));
  if (values.wait !== undefined) {
    const withinMs = Number(values.within ?? Number.POSITIVE_INFINITY) * 1000;
    return wait(readAuthdaemonSettings(configDirectory), Number(values.wait), withinMs);
  }
  if (values.gone === true) return gone(readAuthdaemonSettings(configDirectory));
  const keeper = values.keeper === undefined ? {} : { keeper: Number(values.keeper) };
  try {
    await runAuthdaemond({ configDirectory, daemon: values.daemon === true || 'keeper' in keeper, ...keeper });
    process.exit(0);
  } catch (error) {
    throw error instanceof StartFailure ? new ProgramFailure(error.message, EXIT_SETTINGS) : error;
  }
}

function readArguments(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: {
        check: { type: 'boolean' },
        'dump-config': { type: 'boolean' },
        modules: { type: 'boolean' },
        config: { type: 'string' },
        daemon: { type: 'boolean' },
        // For the control script: shell variables; wait for the daemon of this keeper, no longer than so many seconds; wait
        // for one that ends, and say whether none is there; be the child of this keeper.
        rc: { type: 'boolean' },
        wait: { type: 'string' },
        within: { type: 'string' },
        gone: { type: 'boolean' },
        keeper: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new ProgramFailure(`${error instanceof Error ? error.message : error}\n${usage}`, EXIT_USAGE);
  }
}

async function check({ file, moduleNames }: AuthdaemonSettings, configDirectory: string): Promise<number> {
  const missing = moduleNames.filter((name) => !BUILT_IN_MODULES.includes(name));
  const problems = file.problems.map(describeProblem);
  const warnings = [...missing.map((name) => `${name}: this authdaemond has no such module`)];
  warnings.push(...file.warnings.map(describeProblem));
  if (problems.length === 0 && missing.length === moduleNames.length) {
    problems.push(`none of the modules in authmodulelist is available: ${moduleNames.join(' ')}`);
  }
  for (const name of moduleNames) {
    const found = await checkModule(name, configDirectory);
    problems.push(...(found?.problems ?? []));
    warnings.push(...(found?.warnings ?? []));
  }
  const oauth = checkOauthSettings(configDirectory);
  problems.push(...oauth.problems);
  warnings.push(...oauth.warnings);
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  for (const problem of problems) process.stderr.write(`error: ${problem}\n`);
  if (problems.length === 0) process.stdout.write('No errors found.\n');
  return problems.length === 0 ? 0 : EXIT_SETTINGS;
}

function dump({ file }: AuthdaemonSettings): number {
  for (const { name, value, origin } of file.inUse()) {
    const place = origin === undefined ? 'default' : `${origin.file}:${origin.line}`;
    process.stdout.write(`${name}=${quoted(withoutPassword(value))}  # ${place}\n`);
  }
  for (const warning of file.warnings) process.stderr.write(`warning: ${describeProblem(warning)}\n`);
  for (const problem of file.problems) process.stderr.write(`error: ${describeProblem(problem)}\n`);
  return file.problems.length === 0 ? 0 : EXIT_SETTINGS;
}

/** One line a module, TABs between; 1 when an enabled one cannot be used. */
async function showModules(settings: AuthdaemonSettings, configDirectory: string): Promise<never> {
  // What they have to say of themselves stands in the table.
  const log = logTo(() => undefined);
  const states = await moduleStates(settings, { configDirectory, log, after: realClock.after });
  for (const { name, isBuiltIn, isEnabled, trouble } of states) {
    const words = [name, isBuiltIn ? 'built in' : 'not built in', isEnabled ? 'enabled' : 'not enabled'];
    if (isBuiltIn && isEnabled)
      words.push(trouble === undefined ? 'reachable' : `not reachable: ${logLine(trouble.replaceAll('\n', '; '))}`);
    process.stdout.write(`${words.join('\t')}\n`);
  }
  const wrong = states.some(({ isBuiltIn, isEnabled, trouble }) => isEnabled && (!isBuiltIn || trouble !== undefined));
  // A module that was given up on may still hold a connection.
  process.exit(wrong ? 1 : 0);
}

/** Shell variables for init/authdaemond. */
function showForControlScript({ file, directory }: AuthdaemonSettings): number {
  for (const problem of file.problems) process.stderr.write(`${describeProblem(problem)}\n`);
  if (file.problems.length > 0) return EXIT_SETTINGS;
  process.stdout.write(`AUTHDAEMONVAR=${quoted(directory)} PIDFILE=${quoted(`${directory}/pid`)}\n`);
  return 0;
}

/** Waits until the daemon answers, or the process that keeps it has given up. */
async function wait({ directory }: AuthdaemonSettings, keeper: number, withinMs: number): Promise<number> {
  const deadline = Date.now() + withinMs;
  const client = new AuthClient({ socketPath: socketPathOf(directory) });
  for (;;) {
    // Nobody has this name, with or without modules that work: whatever is answered, somebody listens.
    const answer = await client.lookup('login', '/');
    if (answer.kind !== 'temporary failure' || !/ENOENT|ECONNREFUSED/.test(answer.reason)) return 0;
    if (!isAlive(keeper) || Date.now() >= deadline) return 1;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Waits until nobody answers; 1 when somebody does, and stays. */
async function gone({ directory }: AuthdaemonSettings): Promise<number> {
  const deadline = Date.now() + GONE_MS;
  while (await isAnswered(socketPathOf(directory))) {
    if (Date.now() >= deadline) return 1;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return 0;
}

/** As a shell reads it back. */
function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}
