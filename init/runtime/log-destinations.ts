/**
 * Where log lines go: a terminal or pipe, syslog, systemd's journal, or a file.
 *
 * Syslog and files get the line as courierlogger writes it: without the prefix that it knows, under the name of
 * LOGGEROPTS. One process writes all lines of a service, each with one system call.
 */
import { closeSync, existsSync, fstatSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { LEVEL_PREFIXES, LEVEL_PRIORITIES, type Log, type LogLevel, logTo } from './log.js';

/** What the settings say about the log. */
export interface LogSettings {
  /** LOGTO: `auto`, `stdout`, `stderr`, `syslog`, `journal`, or the path of a file. */
  readonly destination: string;
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

/**
 * Opens the log. `daemon` is true when nobody looks at stdout and stderr: then `auto` means syslog or a file.
 *
 * @throws when a file cannot be opened, with its path in the message.
 */
export async function openLog(settings: LogSettings, daemon: boolean): Promise<OpenLog> {
  const destination = settings.destination === 'auto' ? automatic(settings, daemon) : settings.destination;
  if (destination === 'stdout') return plain(1);
  if (destination === 'stderr') return plain(2);
  if (destination === 'journal') return journal();
  if (destination === 'syslog') return await syslog(settings);
  return fileLog(destination, settings.name);
}

function automatic(settings: LogSettings, daemon: boolean): string {
  if (stderrIsJournal()) return 'journal';
  if (!daemon) return 'stderr';
  return existsSync(SYSLOG_SOCKET) ? 'syslog' : settings.fallbackFile;
}

/** systemd names the device and inode of the journal's socket, so that a redirected stderr is not mistaken for it. */
function stderrIsJournal(): boolean {
  const named = process.env['JOURNAL_STREAM'];
  if (named === undefined) return false;
  const { dev, ino } = fstatSync(2);
  return named === `${dev}:${ino}`;
}

function plain(fd: number): OpenLog {
  return withoutReopen((level, line) => writeWhole(fd, `${LEVEL_PREFIXES[level]}${line}\n`));
}

function journal(): OpenLog {
  return withoutReopen((level, line) => writeWhole(2, `<${LEVEL_PRIORITIES[level]}>${asCourierlogger(level, line)}\n`));
}

async function syslog({ name, facility }: LogSettings): Promise<OpenLog> {
  // Loaded here only: it costs a megabyte that no other destination needs.
  const { unixDatagram } = await import('./unix-datagram.js');
  const send = unixDatagram(SYSLOG_SOCKET);
  return withoutReopen((level, line) => {
    const priority = facility * 8 + LEVEL_PRIORITIES[level];
    const sent = send(`<${priority}>${timestamp()} ${name}[${process.pid}]: ${asCourierlogger(level, line)}`);
    // The syslog daemon is restarting, or its queue is full: better elsewhere than nowhere.
    if (!sent) writeWhole(2, `${LEVEL_PREFIXES[level]}${line}\n`);
  });
}

function fileLog(path: string, name: string): OpenLog {
  const open = () => {
    try {
      return openSync(path, 'a', 0o640);
    } catch (error) {
      throw new Error(`the log file ${path} cannot be opened (${(error as NodeJS.ErrnoException).code})`);
    }
  };
  let fd = open();
  const host = hostname().split('.')[0] ?? 'localhost';
  const log = logTo((level, line) => {
    writeWhole(fd, `${timestamp()} ${host} ${name}[${process.pid}]: ${asCourierlogger(level, line)}\n`);
  });
  const reopen = () => {
    const next = open();
    closeSync(fd);
    fd = next;
  };
  return { ...log, reopen };
}

function withoutReopen(write: (level: LogLevel, line: string) => void): OpenLog {
  return { ...logTo(write), reopen: () => {} };
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
function writeWhole(fd: number, text: string): void {
  try {
    let rest = Buffer.from(text);
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
  } catch {}
}
