/**
 * The figures of authdaemond: asked on its socket, in a line of our own. Courier's authdaemond closes without an answer, as
 * with all that it does not know.
 *
 *     STATS\n            the answer is one line of JSON
 */
import { connect } from 'node:net';

/** The request. */
export const STATS_REQUEST = 'STATS';

/** Nobody waits for figures for longer. */
const ANSWER_MS = 2_000;

/** More is no answer of ours. */
const MAX_ANSWER_CHARACTERS = 1_000_000;

/** What was heard: whether somebody listens, and, unchecked, what he says. */
export interface AuthFigures {
  readonly isUp: boolean;
  readonly said?: unknown;
}

/** Asks who listens on the socket. Never rejects. */
export function askAuthFigures(path: string): Promise<AuthFigures> {
  return new Promise((resolve) => {
    const socket = connect(path);
    let isUp = false;
    let text = '';
    socket.setEncoding('utf8');
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('connect', () => {
      isUp = true;
      socket.write(`${STATS_REQUEST}\n`);
    });
    socket.on('data', (piece: string) => {
      text += piece;
      if (text.length > MAX_ANSWER_CHARACTERS) socket.destroy();
    });
    socket.on('close', () => resolve({ isUp, ...parsed(text) }));
  });
}

function parsed(text: string): { readonly said?: unknown } {
  try {
    return { said: JSON.parse(text) as unknown };
  } catch {
    return {};
  }
}
