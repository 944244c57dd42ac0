/**
 * `angarium who`, `kick`, `trace` and `stats`: asks the control sockets of the services that run, and shows the answers.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { logValue } from '../runtime/log/log.js';
import { EXIT_USAGE, ProgramFailure } from '../runtime/program.js';
import { askControl } from '../runtime/service/control.js';
import { loadSettings } from '../runtime/settings/settings-file.js';
import type { LiveSession } from '../runtime/worker/live-sessions.js';

/** Which sessions, and of which services. */
export interface Which {
  readonly directory: string;
  readonly service?: string | undefined;
  readonly user?: string | undefined;
  readonly ip?: string | undefined;
  readonly session?: string | undefined;
  readonly json?: boolean | undefined;
}

const EXIT_NONE = 1;
const EXIT_NOT_RUNNING = 3;
const SERVICES = ['imapd', 'pop3d'] as const;

type Told = LiveSession & { readonly service: string };

/** Shows the sessions that are there. */
export async function showSessions(which: Which): Promise<number> {
  const { sessions, silent } = await ask('who', which);
  if (which.json === true) for (const session of sessions) print(JSON.stringify(session));
  else for (const line of table(sessions)) print(line);
  for (const pid of silent) process.stderr.write(`The process ${pid} is too busy to say what sessions it has.\n`);
  return sessions.length === 0 && silent.length === 0 ? EXIT_NONE : 0;
}

/** Ends sessions, or has traces looked for, and shows which sessions it was. */
export async function changeSessions(verb: 'kick' | 'trace', which: Which): Promise<number> {
  const { sessions, silent } = await ask(verb, which);
  const did = verb === 'kick' ? 'ended' : 'traced';
  for (const session of sessions) {
    if (which.json === true) print(JSON.stringify(session));
    else
      print(
        `${did}: ${logValue(session.user)} from ${logValue(session.ip)}, session ${session.session} of ${session.service}`,
      );
  }
  for (const pid of silent)
    process.stderr.write(`The process ${pid} is too busy to answer; its sessions may follow.\n`);
  return sessions.length === 0 && silent.length === 0 ? EXIT_NONE : 0;
}

/** Shows the figures. */
export async function showStats(which: Which): Promise<number> {
  const pages = await askServices('stats', which);
  for (const { answer } of pages) process.stdout.write(`${answer}\n`);
  return 0;
}

async function ask(verb: string, which: Which): Promise<{ readonly sessions: Told[]; readonly silent: number[] }> {
  const answers = await askServices(`${verb} ${JSON.stringify(choiceOf(which))}`, which);
  const sessions: Told[] = [];
  const silent: number[] = [];
  for (const { service, answer } of answers) {
    for (const line of answer.split('\n').filter((each) => each !== '')) {
      const told = JSON.parse(line) as LiveSession | { readonly silent: number };
      if ('silent' in told) silent.push(told.silent);
      else sessions.push({ service, ...told });
    }
  }
  return { sessions, silent };
}

function choiceOf({ user, ip, session }: Which) {
  if (session !== undefined && !/^\d+$/.test(session)) throw new ProgramFailure(`${session} is no number`, EXIT_USAGE);
  return {
    ...(user === undefined ? {} : { user }),
    ...(ip === undefined ? {} : { ip }),
    ...(session === undefined ? {} : { session: Number(session) }),
  };
}

/** Asks the services that run. @throws {ProgramFailure} when none does. */
export async function askServices(command: string, { directory, service }: Which) {
  const isKnown = service === undefined || SERVICES.some((name) => name === service);
  if (!isKnown) throw new ProgramFailure(`${service} is no service`, EXIT_USAGE);
  const asked = SERVICES.filter((name) => (service ?? name) === name && existsSync(join(directory, name)));
  const answers: { readonly service: string; readonly answer: string }[] = [];
  for (const name of asked) {
    try {
      answers.push({ service: name, answer: await askControl(controlSocket(directory, name), command) });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EACCES') throw new ProgramFailure(`${name}: only who runs the server may ask it`);
      if (code !== 'ENOENT' && code !== 'ECONNREFUSED')
        throw new ProgramFailure(`${name}: ${(error as Error).message}`);
    }
  }
  if (answers.length === 0) throw new ProgramFailure('not running', EXIT_NOT_RUNNING);
  return answers;
}

/** The folder that is open, or the server that the session was passed on to. */
function placeOf({ folder, mailhost }: Told): string {
  if (folder !== undefined) return logValue(folder);
  return mailhost === undefined ? '-' : `at:${logValue(mailhost)}`;
}

function controlSocket(directory: string, service: string): string {
  const settings = loadSettings([join(directory, `${service}-ssl`), join(directory, service)]);
  return `${settings.text('PIDFILE', `/run/courier/${service}.pid`).replace(/\.pid$/, '')}.control`;
}

const HEAD = ['USER', 'FROM', 'SERVICE', 'TLS', 'FOLDER', 'IDLE', 'TIME', 'IN', 'OUT', 'PID', 'SESSION'] as const;

/** In columns, with values that hold no blank and nothing that a terminal obeys. */
function table(sessions: readonly Told[]): string[] {
  const rows = sessions.map((told) => [
    logValue(told.administrator === undefined ? told.user : `${told.user}*${told.administrator}`),
    logValue(told.ip),
    logValue(told.protocol),
    told.tls ? 'yes' : 'no',
    placeOf(told),
    duration(told.idleSeconds),
    duration(told.seconds),
    String(told.receivedOctets),
    String(told.sentOctets),
    String(told.pid ?? '-'),
    String(told.session),
  ]);
  const all = [[...HEAD], ...rows.sort(([one = ''], [other = '']) => (one < other ? -1 : 1))];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** `3d4h`, `5h2m`, `7m12s`, `9s`: two units are enough. */
function duration(seconds: number): string {
  const units = [
    ['d', 86_400],
    ['h', 3_600],
    ['m', 60],
    ['s', 1],
  ] as const;
  const place = units.findIndex(([, size]) => seconds >= size);
  if (place === -1) return '0s';
  let rest = seconds;
  return units
    .slice(place, place + 2)
    .map(([unit, size]) => {
      const many = Math.floor(rest / size);
      rest -= many * size;
      return many === 0 ? '' : `${many}${unit}`;
    })
    .join('');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
