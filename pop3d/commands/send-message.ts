/**
 * RETR and TOP: messages on their way from the file to the client, in pieces, at the client's pace.
 */
import type { OpenFile } from '../../maildir/file-system.js';
import { lineBuffer, MACHINE_OCTETS } from '../../maildir/octets/line-machine.js';
import type { Session } from '../session/session.js';
import { type ReceivedCommand, wordsOf } from '../wire/lines.js';
import { MAX_GROWTH, TextState } from '../wire/message-chunk.js';
import { encodeReply, err, INVALID_COMMAND, ok, type Reply } from '../wire/replies.js';
import { messageAt, NO_SUCH_MESSAGE } from './message-number.js';
import { TopEnd } from './top-end.js';
import { type Wrapper, wrapperFor } from './utf8-wrapper.js';

const GONE = err("Can't open the message file - it's gone!");
const UNREADABLE = err('The message cannot be read at this time.', 'SYS/TEMP');

/** Most messages fit into one piece. */
const PIECE_OCTETS = MACHINE_OCTETS;

/** Where all messages are read to; what is in it is used before anybody waits. */
const piece = lineBuffer.subarray(0, PIECE_OCTETS);

/** CRLF, the dot, and CRLF. */
const END_OCTETS = 5;

/** RETR n: the whole message, which counts as read from then on. */
export async function retr(session: Session, received: ReceivedCommand): Promise<Reply | undefined> {
  const index = messageAt(session, wordsOf(received)[0]);
  if (index === undefined) return NO_SUCH_MESSAGE;
  return send(session, { index, counter: 'retr' });
}

/** TOP n k: the header and the first k lines of the body. */
export async function top(session: Session, received: ReceivedCommand): Promise<Reply | undefined> {
  const [word, lines] = wordsOf(received);
  if (lines === undefined || !/^\d{1,10}$/.test(lines)) return INVALID_COMMAND;
  const index = messageAt(session, word);
  if (index === undefined) return NO_SUCH_MESSAGE;
  return send(session, { index, counter: 'top', end: new TopEnd(Number(lines)) });
}

/** What is to be sent. */
interface Sending {
  readonly index: number;
  readonly counter: 'retr' | 'top';
  /** Where it ends, if not with the message. */
  readonly end?: TopEnd;
}

async function send(session: Session, sending: Sending): Promise<Reply | undefined> {
  const { maildrop, output } = session;
  const { index, end } = sending;
  const file = maildrop.openAtOnce(index) ?? (await maildrop.open(index));
  if (file === undefined) return GONE;
  try {
    const wrapper = wrapperFor(session, index);
    const text = new SentText(session, sending);
    // What cannot be read at all is told, and not broken off.
    const first = readPiece(file, 0);
    if (first === undefined) return UNREADABLE;
    const sizeOctets = maildrop.sizeOctetsAt(index) + (wrapper?.octets ?? 0);
    output.write(encodeReply(ok(end === undefined ? `${sizeOctets} octets follow.` : 'headers follow.')));
    await sendWrapped(session, { file, text, wrapper, first });
    if (sending.counter === 'retr') maildrop.markSeen(index);
    return undefined;
  } finally {
    file.close();
  }
}

/** A message that is being sent. */
interface Source {
  readonly file: OpenFile;
  readonly text: SentText;
  readonly wrapper: Wrapper | undefined;
  /** Its first octets, in the piece that all share until somebody waits. */
  readonly first: Buffer;
}

async function sendWrapped(session: Session, { file, text, wrapper, first }: Source): Promise<void> {
  if (wrapper !== undefined) text.add(wrapper.head);
  text.add(first);
  let position = first.length;
  let length = first.length;
  while (length > 0 && !text.over && position < file.status().sizeOctets) {
    const pause = session.pace();
    if (pause !== undefined) await pause;
    const next = readPiece(file, position);
    // The client was promised more than there is: only the end of the connection tells it.
    if (next === undefined) throw new Error(`a message could not be read to its end`);
    text.add(next);
    length = next.length;
    position += length;
  }
  if (wrapper !== undefined) text.add(wrapper.tail);
  text.finish();
}

/** Undefined when the disk refuses. */
function readPiece(file: OpenFile, position: number): Buffer | undefined {
  try {
    return piece.subarray(0, file.read(piece, position));
  } catch {
    return undefined;
  }
}

/** The text of a reply: as much of a message as is wanted, and the dot at the end. */
class SentText {
  readonly #session: Session;
  readonly #sending: Sending;
  readonly #state = new TextState();
  #isEmpty = true;

  constructor(session: Session, sending: Sending) {
    this.#session = session;
    this.#sending = sending;
  }

  /** Nothing more of the message is wanted. */
  get over(): boolean {
    return this.#sending.end?.reached === true;
  }

  add(octets: Buffer): void {
    if (this.over || octets.length === 0) return;
    const { counters, output } = this.#session;
    const end = this.#sending.end?.within(octets) ?? octets.length;
    for (let start = 0; start < end; start += PIECE_OCTETS) {
      const to = Math.min(end, start + PIECE_OCTETS);
      output.room((to - start) * MAX_GROWTH).message(octets, { start, end: to, state: this.#state });
    }
    counters[this.#sending.counter] += end;
    if (end > 0) this.#isEmpty = false;
  }

  finish(): void {
    const endsInside = !this.#isEmpty && this.#state.last !== 0x0a;
    this.#session.output.room(END_OCTETS).text(endsInside ? '\r\n.\r\n' : '.\r\n');
  }
}
