/**
 * authdaemond: the socket, the signals, and the daemon behind them. Runs in the foreground until SIGTERM.
 *
 * The directory of the socket is the only access control there is, as with Courier: whoever may enter it may ask.
 */
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Log } from '../init/runtime/log/log.js';
import { openLog } from '../init/runtime/log/log-destinations.js';
import { countsOfProcess, whenSomebodyLooks } from '../init/runtime/metrics/counts.js';
import { followActivity, noteWork, processFigures } from '../init/runtime/service/activity.js';
import { reloadingStates, serviceManager } from '../init/runtime/service/service-manager.js';
import { describeProblem } from '../init/runtime/settings/settings-file.js';
import { forbidCoreDumps } from '../init/runtime/system/core-dumps.js';
import { isAlive } from '../init/runtime/system/is-alive.js';
import { keepYoungGenerationSmall } from '../init/runtime/system/small-heap.js';
import { findSystemUser } from '../init/runtime/system/system-users.js';
import { type After, AnswerLog } from './answer-log.js';
import { Callers } from './callers.js';
import { Authdaemon, type DaemonParts, UnusableSettings } from './daemon.js';
import { LookupQueue } from './lookup-queue.js';
import { ownMechanisms } from './own-mechanisms.js';
import { type ServeContext, serveConnection } from './serve.js';
import { type AuthdaemonSettings, readAuthdaemonSettings, socketPathOf } from './settings.js';

/** Connections at once; each may be a login that waits. Beyond it, silent ones make room, else callers are put off. */
const MAX_CONNECTIONS = 2000;
/** Lists of accounts that are read at the same time. */
const MAX_LISTS = 10;
/** connect() to a Unix socket fails at once when so many wait to be accepted; the system's own limit is the usual one. */
const LISTEN_BACKLOG = 4096;
/** Courier's idle hook. */
const IDLE_MS = 300_000;
/** Answers under way when the daemon is told to end get so long. */
const END_MS = 5000;
/** How often the process that keeps this one is looked for. */
const KEEPER_MS = 1000;

/** How authdaemond is started. */
export interface AuthdaemondOptions {
  readonly configDirectory: string;
  /** Nobody looks at stderr: the log goes elsewhere. */
  readonly daemon: boolean;
  /** Pid of a control script's loop, without which the daemon must not live on. */
  readonly keeper?: number;
}

/** The daemon cannot start; the text is for the administrator. */
export class StartFailure extends Error {}

/** Serves until SIGTERM or SIGINT. @throws {StartFailure} */
export async function runAuthdaemond({ configDirectory, daemon, keeper }: AuthdaemondOptions): Promise<void> {
  forbidCoreDumps();
  keepYoungGenerationSmall();
  followActivity();
  const manager = await serviceManager();
  const settings = readAuthdaemonSettings(configDirectory);
  // Before anything is opened: a wrong LOGTO or authdaemonvar is no name of a file.
  const { problems } = settings.file;
  if (problems.length > 0) throw new StartFailure(problems.map(describeProblem).join('\n'));
  const log = await openLog(settings.log, daemon);
  const parts: DaemonParts = { configDirectory, log, after, now: () => performance.now(), wallClock: () => Date.now() };
  const authdaemon = await startDaemon(settings, parts);
  prepareDirectory(settings.directory, log);
  const ended = signals(keeper, () => {
    log.write('info', 'restarting authdaemond children');
    log.reopen();
    manager.tell(...reloadingStates());
    void reload(authdaemon, settings.directory, configDirectory, log).finally(() => manager.tell('READY=1'));
  });
  whenSomebodyLooks((tell) => authdaemon.tellLookups(tell));
  const callers = new Callers(MAX_CONNECTIONS);
  let lastRequest = Date.now();
  const context: ServeContext = {
    withModules: (work) => authdaemon.withModules(work),
    mechanism: ownMechanisms(parts, settings),
    answers: new AnswerLog(log, after),
    lists: new LookupQueue(MAX_LISTS),
    after,
    statistics,
  };
  const server = await listen(settings.directory, (socket) => {
    if (!callers.admit(socket)) return;
    const heard = (isQuestion: boolean): void => {
      if (isQuestion) {
        lastRequest = Date.now();
        noteWork();
      }
      callers.heard(socket);
    };
    void serveConnection(socket, context, { heard, kept: () => callers.keep(socket) });
  });
  const idle = setInterval(() => {
    if (Date.now() - lastRequest >= IDLE_MS) void authdaemon.idle();
  }, IDLE_MS);
  manager.tell('READY=1', `STATUS=answering in ${settings.directory}`);
  manager.feedWatchdog();
  await ended;

  manager.tell('STOPPING=1');

  log.write('info', 'stopping authdaemond children');
  clearInterval(idle);
  rmSync(socketPathOf(settings.directory), { force: true });
  await close(server, callers);
  await authdaemon.stop();
}

/** What the daemon has counted, and how it is: a line of JSON for the supervisor of a mail service. */
function statistics(): Buffer {
  const told = { pid: process.pid, figures: processFigures(), counts: countsOfProcess() };
  return Buffer.from(`${JSON.stringify(told)}\n`);
}

async function startDaemon(settings: AuthdaemonSettings, parts: DaemonParts): Promise<Authdaemon> {
  try {
    return await Authdaemon.start(settings, parts);
  } catch (error) {
    throw error instanceof UnusableSettings ? new StartFailure(error.message) : error;
  }
}

async function reload(authdaemon: Authdaemon, directory: string, configDirectory: string, log: Log): Promise<void> {
  const settings = readAuthdaemonSettings(configDirectory);
  if (settings.directory !== directory) {
    log.write('warning', `authdaemonvar was ${directory} when authdaemond started; a change needs a restart`);
  }
  await authdaemon.reload(settings);
}

/** Makes the directory of the socket, 0750 for Courier's user; warns of one that everybody may enter. */
function prepareDirectory(directory: string, log: Log): void {
  try {
    const made = mkdirSync(directory, { recursive: true, mode: 0o755 });
    if (made !== undefined) {
      chmodSync(directory, 0o750);
      const courier = process.getuid?.() === 0 ? findSystemUser('courier') : undefined;
      if (courier !== undefined) chownSync(directory, courier.uid, courier.gid);
    }
    if ((statSync(directory).mode & 0o007) !== 0) {
      log.write('warning', `${directory}: everybody on this machine may ask for passwords; chmod 0750 it`);
    }
  } catch (error) {
    throw new StartFailure(`${directory}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Binds the socket beside its place and renames it, so that nobody meets one that is not ready. */
async function listen(directory: string, accept: (socket: Socket) => void): Promise<Server> {
  const path = socketPathOf(directory);
  if (await isAnswered(path)) throw new StartFailure(`${path}: another authdaemond answers there already`);
  const server = createServer({ allowHalfOpen: true }, accept);
  rmSync(`${path}.tmp`, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new StartFailure(`${path}: ${error.message}`)));
    server.listen({ path: `${path}.tmp`, backlog: LISTEN_BACKLOG }, resolve);
  });
  try {
    chmodSync(`${path}.tmp`, 0o777);
    renameSync(`${path}.tmp`, path);
  } catch (error) {
    server.close();
    throw new StartFailure(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return server;
}

/** Tells whether somebody listens on a socket. */
export function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // Nobody there, or a socket that a killed daemon left; or somebody with more callers than fit.
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EAGAIN'));
  });
}

/** Settles when the daemon is to end. */
function signals(keeper: number | undefined, reread: () => void): Promise<void> {
  process.on('SIGHUP', reread);
  return new Promise((resolve) => {
    process.on('SIGTERM', () => resolve());
    process.on('SIGINT', () => resolve());
    if (keeper === undefined) return;
    setInterval(() => {
      if (!isAlive(keeper)) resolve();
    }, KEEPER_MS).unref();
  });
}

async function close(server: Server, callers: Callers): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  callers.end();
  const cancel = after(END_MS, () => callers.destroyAll());
  await closed;
  cancel();
}

const after: After = (delayMs, action) => {
  const timer = setTimeout(action, delayMs);
  return () => clearTimeout(timer);
};
