/**
 * `angarium probe`: speaks with a service as a client would, for monitoring and health checks: greeting, TLS, NOOP, and
 * with a user a login. Says in one line how it went; the exit code is 0 (it works), 1 (it answers, but not as it should)
 * or 2 (no answer).
 *
 * It speaks with any IMAP or POP3 server, and shows no password.
 */
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { askLine } from '../../authdaemon/bin/tool.js';
import { logLine } from '../runtime/log/log.js';
import { EXIT_USAGE, ProgramFailure } from '../runtime/program.js';
import { Secret } from '../runtime/secret.js';
import { parsePortList } from '../runtime/service/listen.js';
import { loadSettings } from '../runtime/settings/settings-file.js';
import { NoAnswer, ProbeConnection, type ProbePlace } from './probe-connection.js';

/** What the command line says. */
export interface ProbeOptions {
  readonly directory: string;
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly tls?: boolean | undefined;
  readonly verify?: boolean | undefined;
  readonly user?: string | undefined;
  readonly mechanism?: string | undefined;
  readonly timeout?: string | undefined;
  readonly verbose?: boolean | undefined;
}

/** Monitoring systems give up after 30 seconds. */
const TIMEOUT_SECONDS = 25;

const EXIT_WRONG = 1;
const EXIT_NO_ANSWER = 2;

/** The service answers, but not as one that works. */
class WrongAnswer extends Error {}

interface Login {
  readonly user: string;
  readonly password: Secret;
  readonly mechanism: string;
}

type Talk = (connection: ProbeConnection, options: ProbeOptions, login: Login | undefined) => Promise<void>;

const talks: Readonly<Record<string, Talk>> = { imap: talkImap, pop3: talkPop3, auth: talkAuth };

/** Probes one service. */
export async function probe([service = '', ...more]: readonly string[], options: ProbeOptions): Promise<number> {
  const talk = Object.hasOwn(talks, service) ? talks[service] : undefined;
  if (talk === undefined || more.length > 0) throw new ProgramFailure('probe what? imap, pop3 or auth', EXIT_USAGE);
  const place = placeOf(service, options);
  const login = await loginOf(options);
  const startedAt = performance.now();
  const { word, exitCode } = await outcomeOf(place, options, (connection) => talk(connection, options, login));
  const milliseconds = Math.round(performance.now() - startedAt);
  process.stdout.write(`${service} ${place.name} ${word} ms=${milliseconds}\n`);
  return exitCode;
}

async function outcomeOf(
  place: ProbePlace,
  options: ProbeOptions,
  talk: (connection: ProbeConnection) => Promise<void>,
) {
  const seconds = Number(options.timeout ?? TIMEOUT_SECONDS);
  if (!(seconds > 0)) throw new ProgramFailure(`--timeout ${options.timeout} is no number of seconds`, EXIT_USAGE);
  const show = options.verbose === true ? (line: string) => process.stderr.write(`${line}\n`) : undefined;
  const connection = new ProbeConnection(place, { seconds, verify: options.verify === true, ...(show && { show }) });
  try {
    await connection.open();
    await talk(connection);
    return { word: 'OK', exitCode: 0 };
  } catch (error) {
    if (error instanceof WrongAnswer) return { word: `WRONG ANSWER: ${logLine(error.message)}`, exitCode: EXIT_WRONG };
    if (error instanceof NoAnswer) return { word: `NO ANSWER: ${logLine(error.message)}`, exitCode: EXIT_NO_ANSWER };
    throw error;
  } finally {
    connection.close();
  }
}

/** Where the settings say that the service listens, unless the command line says otherwise. */
function placeOf(service: string, { directory, host, port, tls }: ProbeOptions): ProbePlace {
  if (service === 'auth') {
    const authdaemonrc = join(directory, 'authdaemonrc');
    const place = loadSettings([authdaemonrc], [authdaemonrc]).text('authdaemonvar', '/run/courier/authdaemon');
    return { path: `${place}/socket`, name: `${place}/socket` };
  }
  const daemon = `${service}d`;
  const files = [join(directory, `${daemon}-ssl`), join(directory, daemon)];
  const [portName, addressName, usual] =
    tls === true
      ? (['SSLPORT', 'SSLADDRESS', service === 'imap' ? '993' : '995'] as const)
      : (['PORT', 'ADDRESS', service === 'imap' ? '143' : '110'] as const);
  const settings = loadSettings(files, files);
  const parsed = parsePortList(port ?? settings.text(portName, usual), settings.text(addressName, '0'));
  if (typeof parsed === 'string') throw new ProgramFailure(`${portName}: ${parsed}`, EXIT_USAGE);
  const [first] = parsed;
  const where = host ?? (first === undefined || first.host === '::' ? 'localhost' : first.host);
  const number = first?.port ?? 0;
  return { host: where, port: number, tls: tls === true, name: `${where}:${number}` };
}

async function loginOf({ user, mechanism = 'LOGIN' }: ProbeOptions): Promise<Login | undefined> {
  if (user === undefined) return undefined;
  if (!['LOGIN', 'PLAIN', 'CRAM-MD5'].includes(mechanism.toUpperCase())) {
    throw new ProgramFailure(`--mechanism ${mechanism} is not known here`, EXIT_USAGE);
  }
  const password = await askLine('Password: ');
  if (password === undefined) throw new ProgramFailure('no password on standard input', EXIT_USAGE);
  return { user, password: new Secret(password), mechanism: mechanism.toUpperCase() };
}

async function talkImap(connection: ProbeConnection, options: ProbeOptions, login: Login | undefined): Promise<void> {
  const greeting = await connection.line();
  if (!/^\* (OK|PREAUTH)\b/i.test(greeting)) throw new WrongAnswer(greeting);
  const capability = await imap(connection, 'CAPABILITY');
  if (options.tls !== true && /^\* CAPABILITY .*\bSTARTTLS\b/im.test(capability)) {
    await imap(connection, 'STARTTLS');
    await connection.startTls();
  }
  await imap(connection, 'NOOP');
  if (login !== undefined) {
    await imapLogin(connection, login);
    await imap(connection, 'SELECT INBOX');
  }
  await imap(connection, 'LOGOUT');
}

async function imapLogin(connection: ProbeConnection, login: Login): Promise<void> {
  const { user, password, mechanism } = login;
  if (mechanism === 'LOGIN') {
    await imap(connection, `LOGIN ${imapString(user)} ${imapString(password.reveal())}`, 'LOGIN (not shown)');
    return;
  }
  connection.send(`p AUTHENTICATE ${mechanism}\r\n`);
  const challenge = await connection.line();
  if (!challenge.startsWith('+')) throw new WrongAnswer(challenge);
  connection.send(`${answerTo(challenge.slice(1).trim(), login)}\r\n`, '(not shown)');
  await imapAnswer(connection);
}

/** Sends a command and gives all lines of its answer. @throws {WrongAnswer} when it is not OK. */
async function imap(connection: ProbeConnection, command: string, shown?: string): Promise<string> {
  connection.send(`p ${command}\r\n`, shown === undefined ? undefined : `p ${shown}`);
  return imapAnswer(connection);
}

async function imapAnswer(connection: ProbeConnection): Promise<string> {
  const lines: string[] = [];
  for (;;) {
    const line = await connection.line();
    lines.push(line);
    if (line.startsWith('p OK')) return lines.join('\n');
    if (line.startsWith('p ') || line.startsWith('* BYE')) {
      const isEnd = line.startsWith('* BYE') && (await connection.line().catch(() => '')).startsWith('p OK');
      if (isEnd) return line;
      throw new WrongAnswer(line);
    }
  }
}

/** What no quoted string can hold is no password of anybody who probes. */
function imapString(text: string): string {
  if (/[\r\n\0]/.test(text)) throw new ProgramFailure('a line end in a name or password', EXIT_USAGE);
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

async function talkPop3(connection: ProbeConnection, options: ProbeOptions, login: Login | undefined): Promise<void> {
  await pop3Answer(connection);
  connection.send('CAPA\r\n');
  const capabilities: string[] = [await connection.line()];
  // A server without CAPA says -ERR in one line.
  while (capabilities[0]?.startsWith('+OK') === true && capabilities.at(-1) !== '.') {
    capabilities.push(await connection.line());
  }
  if (options.tls !== true && capabilities.some((line) => /^STLS\b/i.test(line))) {
    await pop3(connection, 'STLS');
    await connection.startTls();
  }
  if (login !== undefined) {
    await pop3Login(connection, login);
    await pop3(connection, 'STAT');
  }
  await pop3(connection, 'QUIT');
}

async function pop3Login(connection: ProbeConnection, login: Login): Promise<void> {
  const { user, password, mechanism } = login;
  if (mechanism === 'LOGIN') {
    await pop3(connection, `USER ${user}`);
    await pop3(connection, `PASS ${password.reveal()}`, 'PASS (not shown)');
    return;
  }
  connection.send(`AUTH ${mechanism}\r\n`);
  const challenge = await connection.line();
  if (!challenge.startsWith('+')) throw new WrongAnswer(challenge);
  await pop3(connection, answerTo(challenge.slice(1).trim(), login), '(not shown)');
}

async function pop3(connection: ProbeConnection, command: string, shown?: string): Promise<void> {
  if (/[\r\n]/.test(command)) throw new ProgramFailure('a line end in a name or password', EXIT_USAGE);
  connection.send(`${command}\r\n`, shown);
  await pop3Answer(connection);
}

async function pop3Answer(connection: ProbeConnection): Promise<void> {
  const line = await connection.line();
  if (!line.startsWith('+OK')) throw new WrongAnswer(line);
}

function answerTo(challenge: string, { user, password, mechanism }: Login): string {
  if (mechanism === 'PLAIN') return Buffer.from(`\0${user}\0${password.reveal()}`).toString('base64');
  const digest = createHmac('md5', password.reveal()).update(Buffer.from(challenge, 'base64')).digest('hex');
  return Buffer.from(`${user} ${digest}`).toString('base64');
}

/** An account that is not there is a clear no; only silence means that the modules cannot say now. */
async function talkAuth(connection: ProbeConnection, { user }: ProbeOptions, login: Login | undefined): Promise<void> {
  if (login === undefined) connection.send('ANGARIUM_ERRORS=1\nPRE . login angarium-probe\n');
  else {
    const body = `login\nlogin\n${user}\n${login.password.reveal()}\n`;
    connection.send(`ANGARIUM_ERRORS=1\nAUTH ${Buffer.byteLength(body)}\n${body}`, 'AUTH (not shown)');
  }
  const line = await connection.line();
  const isGood = login === undefined ? /^(FAIL$|\w+=)/.test(line) : /^\w+=/.test(line);
  if (!isGood) throw new WrongAnswer(line);
}
