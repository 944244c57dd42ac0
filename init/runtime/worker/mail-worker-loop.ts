/**
 * The loop behind serveMail(): takes sessions from the supervisor (a socket) or from a login process (a Unix stream
 * that begins with a token the supervisor announced), and gives each to the protocol.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { giveBackAtRest } from '../service/activity.js';
import type { SessionDescription, ToWorker } from '../service/handover.js';
import { TOKEN_OCTETS } from '../service/handover.js';
import { endProcess, log, receiveFromSupervisor, sendToSupervisor, startSettings } from '../service/supervisor-link.js';
import { memoryTrimmer } from '../system/native-memory.js';
import { listenOn, type RawHandle, socketFrom } from '../system/raw-handles.js';
import { giveClientBack } from './give-back.js';
import type { SessionQuestion } from './live-sessions.js';
import type { MailServer, RehearsalParts, WorkerSession } from './mail-worker.js';
import { QuietMoments } from './quiet-moments.js';

/** A login process says its token at once; one that does not is not ours. */
const TOKEN_TIMEOUT_MS = 10_000;

/** An announced session that never comes is forgotten: its login process is gone. */
const EXPECTATION_MS = 60_000;

/** After the last goodbye was written, clients and relays get this long to take it. */
const LAST_OCTETS_MS = 2_000;

/** All goodbyes together take no longer than this. */
const END_MS = 7_000;

/**
 * Serves the sessions that the supervisor sends, until it says to end. Call it once, from the module of the worker.
 *
 * @param rehearse see mail-worker.ts
 */
export function serveMail(start: (settings: unknown) => MailServer, rehearse?: Rehearse): void {
  const loop = new MailWorkerLoop(start, rehearse);
  receiveFromSupervisor((message, handle) => loop.receive(message as ToWorker, handle));
}

type Rehearse = (parts: RehearsalParts) => Promise<void>;

class MailWorkerLoop {
  readonly #start: (settings: unknown) => MailServer;
  readonly #rehearse: Rehearse | undefined;
  #started: MailServer | undefined;
  readonly #expected = new Map<string, SessionDescription>();
  readonly #streams = new Set<Duplex>();
  /** What came for sessions that are to be given back, and was not used. */
  readonly #unused = new Map<number, Buffer>();
  #server: Server | undefined;
  #ending = false;

  constructor(start: (settings: unknown) => MailServer, rehearse: Rehearse | undefined) {
    this.#start = start;
    this.#rehearse = rehearse;
    process.on('SIGTERM', () => this.#end('server shut down'));
  }

  /** Made when it is first needed: when serveMail() is called, the module that calls it is not whole yet. */
  get #mailServer(): MailServer {
    this.#started ??= this.#start(startSettings());
    return this.#started;
  }

  receive(message: ToWorker, handle: RawHandle | undefined): void {
    if (message.kind === 'listen' && handle !== undefined) this.#listen(handle);
    else if (message.kind === 'expect') this.#expect(message.token, message.session);
    else if (message.kind === 'settings') this.#mailServer.reload?.(message.settings);
    else if (message.kind === 'rehearse') void this.#prepareForClients(message.settings);
    else if (message.kind === 'end') this.#end(message.reason);
    else if ('question' in message) this.#answer(message);
    else if (message.kind === 'session') {
      if (handle === undefined) sendToSupervisor({ kind: 'session ended', sessionId: message.session.sessionId });
      else this.#serve(message.session, socketFrom(handle), Buffer.from(message.unread));
    }
  }

  #answer({ kind, question, choice }: SessionQuestion): void {
    const server = this.#mailServer;
    const does = { 'tell sessions': server.sessions, kick: server.kick, 'look for traces': server.lookForTraces }[kind];
    sendToSupervisor({ kind: 'sessions', question, sessions: does?.call(server, choice) ?? [] });
  }

  /** Whatever goes wrong with it, clients are served. */
  async #prepareForClients(settings: unknown): Promise<void> {
    const moments = new QuietMoments();
    try {
      await this.#rehearse?.({ settings, log, quiet: () => moments.next() });
    } catch (error) {
      log.bug(error, 'the rehearsal of a mail worker, which serves all the same');
    }
    const trim = memoryTrimmer();
    if (trim !== undefined) giveBackAtRest(trim);
    sendToSupervisor({ kind: 'rehearsed' });
  }

  #listen(handle: RawHandle): void {
    this.#server = createServer({ allowHalfOpen: true }, (stream) => this.#identify(stream));
    this.#server.on('error', (error) => log.bug(error, 'listening for sessions'));
    listenOn(this.#server, handle);
  }

  #expect(token: string, session: SessionDescription): void {
    this.#expected.set(token, session);
    const { sessionId } = session;
    sendToSupervisor({ kind: 'expecting', sessionId });
    const forget = () => {
      if (this.#expected.delete(token)) sendToSupervisor({ kind: 'session ended', sessionId });
    };
    setTimeout(forget, EXPECTATION_MS).unref();
  }

  /** Reads the token, and no octet more. */
  #identify(stream: Socket): void {
    const timer = setTimeout(() => stream.destroy(), TOKEN_TIMEOUT_MS);
    const drop = () => stream.destroy();
    const look = () => {
      const line = stream.read(TOKEN_OCTETS) as Buffer | null;
      if (line === null) {
        if (stream.readableEnded) stream.destroy();
        return;
      }
      clearTimeout(timer);
      stream.off('readable', look);
      stream.off('error', drop);
      const token = line.toString('latin1', 0, TOKEN_OCTETS - 1);
      const session = this.#expected.get(token);
      this.#expected.delete(token);
      if (session === undefined) stream.destroy();
      else this.#serve(session, stream, Buffer.alloc(0));
    };
    stream.on('error', drop);
    stream.on('readable', look);
    stream.once('close', () => clearTimeout(timer));
  }

  #serve(session: SessionDescription, stream: Socket, unread: Buffer): void {
    const { sessionId } = session;
    // A reset by the client is the end of the stream like any other; the protocol may add its own listener.
    stream.on('error', () => {});
    this.#streams.add(stream);
    const giveBack = (unused: Buffer) => void this.#unused.set(sessionId, unused);
    const parts = { ...session, stream, unread, log };
    void this.#converse(session.comesBack ? { ...parts, giveBack } : parts, stream, sessionId);
  }

  /** Tens of thousands of these may wait at a time: each step more would cost half a kilobyte. */
  async #converse(session: WorkerSession, stream: Socket, sessionId: number): Promise<void> {
    try {
      await this.#mailServer.serve(session);
    } catch (error) {
      log.bug(error, `session of ${session.account.address}`);
    }
    const unused = this.#unused.get(sessionId);
    if (unused !== undefined && !stream.destroyed && !this.#ending) {
      this.#unused.delete(sessionId);
      if (await giveClientBack(stream, { sessionId, isRelayed: session.tls, unused })) {
        this.#forget(stream);
        return;
      }
    }
    this.#unused.delete(sessionId);
    this.#close(stream);
    sendToSupervisor({ kind: 'session ended', sessionId });
  }

  #close(stream: Duplex): void {
    closeSoon(stream);
    this.#forget(stream);
  }

  #forget(stream: Duplex): void {
    stream.once('close', () => this.#streams.delete(stream));
    if (stream.closed) this.#streams.delete(stream);
  }

  #end(reason: string): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#server?.close();
    const overdue = setTimeout(() => endProcess(0), END_MS);
    this.#mailServer
      .end(reason)
      .catch((error: unknown) => log.bug(error, 'saying goodbye'))
      .finally(() => this.#waitForStreams(overdue));
  }

  #waitForStreams(overdue: NodeJS.Timeout): void {
    const deadline = Date.now() + LAST_OCTETS_MS;
    const check = setInterval(() => {
      if (this.#streams.size > 0 && Date.now() < deadline) return;
      clearInterval(check);
      clearTimeout(overdue);
      endProcess(0);
    }, 20);
  }
}

/**
 * Says that nothing more will come, and closes when the other side is done, too, or after a while. Closed at once, what it
 * still sends would come back as an error, and could cost a client or a relay the last words it has not read yet.
 */
function closeSoon(stream: Duplex): void {
  if (stream.destroyed) return;
  const overdue = setTimeout(() => stream.destroy(), LAST_OCTETS_MS).unref();
  stream.once('close', () => clearTimeout(overdue));
  stream.end();
  // A listener for it would keep what comes, and with it the end.
  stream.removeAllListeners('readable');
  stream.resume();
}
