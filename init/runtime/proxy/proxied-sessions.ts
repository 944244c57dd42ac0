/**
 * The sessions of one login process that are served elsewhere, for an administrator who asks, and for the figures.
 *
 * Loaded with the first of them.
 */
import type { LiveSession, SessionQuestion } from '../worker/live-sessions.js';
import { SessionList } from '../worker/session-list.js';
import type { ProxiedSession } from './proxied-session.js';

const lists = new Map<string, SessionList<ProxiedSession>>();

/** Those of one protocol. */
export function proxiedSessions(protocol: string): SessionList<ProxiedSession> {
  const known = lists.get(protocol);
  if (known !== undefined) return known;
  const list = new SessionList<ProxiedSession>({
    protocol,
    view: ({ host, idleMilliseconds }) => ({ mailhost: host, idleMilliseconds }),
    sayGoodbye: (session, text) => session.kick(text),
  });
  lists.set(protocol, list);
  return list;
}

/** Answers what was asked of sessions. Traces are the other server's to make. */
export function answerFor({ kind, choice }: SessionQuestion): LiveSession[] {
  if (kind === 'look for traces') return [];
  return [...lists.values()].flatMap((list) => (kind === 'kick' ? list.kick(choice) : list.list(choice)));
}
