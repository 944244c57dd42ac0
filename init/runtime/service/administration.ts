/**
 * What an administrator may ask a running service beside its status: who is there, the end of sessions, traces, and
 * figures.
 *
 *     who {"user":"bob"}       a line of JSON for each session; see live-sessions.ts
 *     kick {"session":17}      ends sessions, and gives them
 *     trace {"user":"bob"}     looks for the files of traces again, and gives the sessions that have one
 *     stats                    the page of figures, as on METRICSPORT
 *
 * It knows no mail protocol.
 */

import { type Log, logValue } from '../log/log.js';
import { askAuthFigures } from '../metrics/auth-figures.js';
import { countsOfProcess, seriesName } from '../metrics/counts.js';
import { formatPage } from '../metrics/page.js';
import { gatherCounts, tellAuthFigures, tellFigures } from '../metrics/service-counts.js';
import { programVersion } from '../program.js';
import { readChoice, type SessionAnswers, type SessionChoice, type SessionQuestion } from '../worker/live-sessions.js';
import { processFigures } from './activity.js';

/** Whoever asks again within this time gets the same page: all processes are asked for each. */
const PAGE_MS = 1_000;

/** What the figures are taken from. */
export interface Administered {
  readonly name: string;
  readonly log: Log;
  ask(kind: SessionQuestion['kind'], choice: SessionChoice): Promise<SessionAnswers>;
  /** Connections now. */
  connections(): number;
  /** Logins that wait for authdaemond. */
  authPending(): number;
  /** Where authdaemond listens. */
  authSocket(): string;
  /** When the first certificate in use expires, in milliseconds since 1970. */
  certificateExpiry(): number | undefined;
}

const QUESTIONS: Readonly<Record<string, SessionQuestion['kind']>> = {
  who: 'tell sessions',
  kick: 'kick',
  trace: 'look for traces',
};

/** See the head of this file. */
export class Administration {
  readonly #service: Administered;
  readonly #startedAt = Date.now();
  #page: { readonly text: Promise<string>; readonly at: number } | undefined;

  constructor(service: Administered) {
    this.#service = service;
  }

  /** Acts on a command of the control socket; undefined where it is none of these. */
  obey(verb: string, rest: string): Promise<string> | undefined {
    if (verb === 'stats') return this.page();
    const kind = Object.hasOwn(QUESTIONS, verb) ? QUESTIONS[verb] : undefined;
    return kind === undefined ? undefined : this.#ask(kind, rest);
  }

  /** The page of figures. */
  page(): Promise<string> {
    const now = Date.now();
    if (this.#page === undefined || now - this.#page.at >= PAGE_MS) this.#page = { text: this.#newPage(), at: now };
    return this.#page.text;
  }

  async #ask(kind: SessionQuestion['kind'], rest: string): Promise<string> {
    const choice = readChoice(rest);
    const { sessions, silent } = await this.#service.ask(kind, choice);
    if (kind === 'kick') this.#tellKick(choice, sessions.length);
    const lines = sessions.map((session) => JSON.stringify(session));
    return [...lines, ...silent.map((pid) => JSON.stringify({ silent: pid }))].join('\n');
  }

  #tellKick(choice: SessionChoice, count: number): void {
    const whom = Object.entries(choice).map(([name, value]) => `${name}=${logValue(String(value))}`);
    this.#service.log.write('info', ['KICKED', ...whom, `sessions=${count}`].join(', '));
  }

  async #newPage(): Promise<string> {
    const service = this.#service;
    const asked = askAuthFigures(service.authSocket());
    const sum = await gatherCounts(countsOfProcess());
    const { levels } = sum;
    tellAuthFigures(sum, await asked);
    const build = { service: service.name, version: programVersion(), node: process.version };
    levels[seriesName('build_info', build)] = 1;
    levels[seriesName('start_time_seconds')] = this.#startedAt / 1000;
    levels[seriesName('connections')] = service.connections();
    levels[seriesName('auth_pending')] = service.authPending();
    levels[seriesName('processes', { role: 'supervisor' })] = 1;
    const expiry = service.certificateExpiry();
    if (expiry !== undefined) levels[seriesName('tls_certificate_expiry_timestamp_seconds')] = expiry / 1000;
    tellFigures(levels, { role: 'supervisor', pid: process.pid }, processFigures());
    return formatPage(sum);
  }
}
