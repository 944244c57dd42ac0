/**
 * Where log lines go: a terminal or pipe, syslog, systemd's journal, or a file; in Courier's wording, or as JSON.
 *
 * Syslog and files get the line as courierlogger writes it: without the prefix that it knows, under the name of
 * LOGGEROPTS. One process writes all lines of a service, each with one system call. Lines of which there may be too many
 * are counted in place of written, and a log that cannot be written to never keeps the service from its work.
 */
import { existsSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { type Count, count } from '../metrics/counts.js';
import { stderrIsJournal } from './journal.js';
import { jsonLine } from './json-line.js';
import { LimitedLines } from './limited-lines.js';
import { LEVEL_PREFIXES, LEVEL_PRIORITIES, type Log, type LogLevel, logTo } from './log.js';
import { LogFile } from './log-file.js';

/** What the settings say about the log. */
export interface LogSettings {
  /** LOGTO: `auto`, `stdout`, `stderr`, `syslog`, `journal`, or the path of a file. */
  readonly destination: string;
  /** LOGFORMAT. */
  readonly format?: 'courier' | 'json';
  /** LOGMAXMB, in octets: how large a file may grow; 0 is no limit. */
  readonly maxFileOctets?: number;
  /** From LOGGEROPTS. */
  readonly name: string;
  readonly facility: number;
  /** Where `auto` writes when a daemon has neither terminal, journal nor syslog. */
  readonly fallbackFile: string;
}

/** A log that can be told to open its file again, after it was rotated. */
export interface OpenLog extends Log {
  reopen(): void;
}

/** Syslog's numbers for its facilities. */
export const SYSLOG_FACILITIES: Readonly<Record<string, number>> = {
  ...{
    kern: 0,
    user: 1,
    mail: 2,
    daemon: 3,
    auth: 4,
    syslog: 5,
    lpr: 6,
    news: 7,
    uucp: 8,
    cron: 9,
    authpriv: 10,
    ftp: 11,
  },
  ...{ local0: 16, local1: 17, local2: 18, local3: 19, local4: 20, local5: 21, local6: 22, local7: 23 },
};

const SYSLOG_SOCKET = '/dev/log';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Addresses and troubles that are told apart when there are too many lines: all that may guess passwords at once. */
const MAX_LIMITED_KINDS = 10_000;

/** The file that nobody chose is beside the pid file, where a file system is often of memory. */
const MAX_FALLBACK_OCTETS = 20_000_000;

/** An address that fails more often is no person, and its other lines would say the same. */
const STRANGERS_PER_SECOND = 100;

/** Takes a line; false when it is lost. */
type Put = (level: LogLevel, line: string, isJson: boolean) => boolean;

interface Destination {
  readonly put: Put;
  readonly reopen?: () => void;
}

/**
 * Opens the log. `daemon` is true when nobody looks at stdout and stderr: then `auto` means syslog or a file.
 *
 * @throws when a file cannot be opened, with its path in the message.
 */
export async function openLog(settings: LogSettings, daemon: boolean): Promise<OpenLog> {
  const { put, reopen = () => {} } = await openDestination(settings, daemon);
  const isJson = settings.format === 'json';
  const lostLines = count('log_lines_lost_total');
  const leftOut = count('log_lines_left_out_total');
  const written = countsByLevel();
  let lost = 0;
  const write = (level: LogLevel, line: string, session?: number): void => {
    const { name: service } = settings;
    const form = (text: string) =>
      isJson ? jsonLine({ level, line: text, service, time: new Date(), session }) : text;
    if (lost > 0 && put('error', form(`${lost} lines before this one could not be written`), isJson)) lost = 0;
    if (put(level, form(line), isJson)) {
      written[level].value += 1;
      return;
    }
    lost += 1;
    lostLines.value += 1;
  };
  const after = (delayMs: number, action: () => void) => {
    const timer = setTimeout(action, delayMs).unref();
    return () => clearTimeout(timer);
  };
  const troubles = new LimitedLines({ write }, after, { maxKinds: MAX_LIMITED_KINDS });
  const strangers = new LimitedLines({ write }, after, {
    maxKinds: MAX_LIMITED_KINDS,
    perSecond: STRANGERS_PER_SECOND,
  });
  const log = logTo((level, line, session) => {
    const stranger = strangerOf(line);
    const trouble = stranger === undefined ? troubleOf(level, line) : undefined;
    const kind = stranger ?? trouble;
    if (kind === undefined) write(level, line, session);
    else if (!(stranger === undefined ? troubles : strangers).write(level, kind, line, session)) leftOut.value += 1;
  });
  return { ...log, reopen };
}

function countsByLevel(): Readonly<Record<LogLevel, Count>> {
  const of = (level: LogLevel): Count => count('log_lines_total', { level });
  const [debug, info, notice, warning] = [of('debug'), of('info'), of('notice'), of('warning')];
  return { debug, info, notice, warning, error: of('error'), alert: of('alert') };
}

/**
 * What a stranger can make as much of as he likes, failed logins and handshakes, is limited for each address, so that none
 * hides another. Lines of those who log in are never left out.
 */
function strangerOf(line: string): string | undefined {
  const [, words, address] = /^(LOGIN FAILED, )(?:[a-z]+=[^,]*, )?(ip=\[[^\]]*\])/.exec(line) ?? [];
  if (words !== undefined) return `${words}${address}`;
  return line.includes('couriertls: accept: ') ? line.slice(0, line.indexOf(',')) : undefined;
}

/** What goes wrong again and again, whatever the numbers are in it. */
function troubleOf(level: LogLevel, line: string): string | undefined {
  if (level === 'debug' || level === 'info' || level === 'notice') return undefined;
  return line.slice(0, 100).replace(/\d+/g, '0');
}

async function openDestination(settings: LogSettings, daemon: boolean): Promise<Destination> {
  const destination = settings.destination === 'auto' ? automatic(settings, daemon) : settings.destination;
  if (destination === 'stdout') return { put: plain(1) };
  if (destination === 'stderr') return { put: plain(2) };
  if (destination === 'journal') return { put: journal };
  if (destination === 'syslog') return { put: await syslog(settings) };
  return fileLog(destination, settings);
}

function boundOfFallback(maxFileOctets: number): number {
  return maxFileOctets === 0 ? MAX_FALLBACK_OCTETS : Math.min(maxFileOctets, MAX_FALLBACK_OCTETS);
}

function automatic(settings: LogSettings, daemon: boolean): string {
  if (stderrIsJournal()) return 'journal';
  if (!daemon) return 'stderr';
  return existsSync(SYSLOG_SOCKET) ? 'syslog' : settings.fallbackFile;
}

function plain(fd: number): Put {
  return (level, line, isJson) => writeWhole(fd, `${isJson ? '' : LEVEL_PREFIXES[level]}${line}\n`);
}

function journal(level: LogLevel, line: string, isJson: boolean): boolean {
  return writeWhole(2, `<${LEVEL_PRIORITIES[level]}>${isJson ? line : asCourierlogger(level, line)}\n`);
}

async function syslog({ name, facility }: LogSettings): Promise<Put> {
  // Loaded here only: it costs a megabyte that no other destination needs.
  const { unixDatagram } = await import('../system/unix-datagram.js');
  const send = unixDatagram(SYSLOG_SOCKET);
  return (level, line, isJson) => {
    const priority = facility * 8 + LEVEL_PRIORITIES[level];
    const text = isJson ? line : asCourierlogger(level, line);
    // The syslog daemon is restarting, or its queue is full: better elsewhere than nowhere.
    return send(`<${priority}>${timestamp()} ${name}[${process.pid}]: ${text}`) || plain(2)(level, line, isJson);
  };
}

function fileLog(path: string, settings: LogSettings): Destination {
  const { name, maxFileOctets = 0 } = settings;
  const file = new LogFile(path, path === settings.fallbackFile ? boundOfFallback(maxFileOctets) : maxFileOctets);
  const host = hostname().split('.')[0] ?? 'localhost';
  const put: Put = (level, line, isJson) => {
    const head = isJson ? '' : `${timestamp()} ${host} ${name}[${process.pid}]: `;
    return file.write(`${head}${isJson ? line : asCourierlogger(level, line)}\n`);
  };
  return { put, reopen: () => file.reopen() };
}

/** courierlogger takes the prefixes that it knows off; NOTICE is not among them. */
function asCourierlogger(level: LogLevel, line: string): string {
  return level === 'notice' ? `${LEVEL_PREFIXES.notice}${line}` : line;
}

/** `Nov 21 09:05:03`, as syslog has it. */
function timestamp(): string {
  const now = new Date();
  const [hours, minutes, seconds] = [now.getHours(), now.getMinutes(), now.getSeconds()].map(twoDigits);
  return `${MONTHS[now.getMonth()]} ${String(now.getDate()).padStart(2)} ${hours}:${minutes}:${seconds}`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0');
}

/** A log that cannot be written to must not end the service: the line is lost, and the next one is tried again. */
function writeWhole(fd: number, text: string): boolean {
  try {
    let rest = Buffer.from(text);
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
    return true;
  } catch {
    return false;
  }
}
