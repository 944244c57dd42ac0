/**
 * A model of what a server has promised: two mailboxes, every message that was answered with OK, and the one command
 * whose answer never came. It knows no connection.
 */
import assert from 'node:assert/strict';

export interface ModelMessage {
  readonly subject: string;
  readonly flags: ReadonlySet<string>;
}

/** Messages of a mailbox by UID. */
export type ModelMailbox = Map<number, ModelMessage>;
/** Mailboxes by name. */
export type ModelState = Map<string, ModelMailbox>;

/** A state that may be: known messages, and at most one whose UID nobody was told. */
interface Possibility {
  readonly state: ModelState;
  readonly fresh?: { readonly mailbox: string; readonly message: ModelMessage };
}

/** A command, described by what it changes. */
export type Change =
  | { readonly kind: 'append'; readonly mailbox: string; readonly message: ModelMessage }
  | { readonly kind: 'copy' | 'move'; readonly mailbox: string; readonly uid: number; readonly target: string }
  | { readonly kind: 'flag' | 'unflag'; readonly mailbox: string; readonly uid: number; readonly flag: string }
  | { readonly kind: 'expunge'; readonly mailbox: string; readonly uid: number };

export class MailModel {
  #state: ModelState;
  /** Every UID that was ever seen, with the subject of its message: `INBOX/7`. */
  readonly #given = new Map<string, string>();
  readonly #validity = new Map<string, string>();
  readonly #highest = new Map<string, number>();

  constructor(mailboxes: readonly string[]) {
    this.#state = new Map(mailboxes.map((name) => [name, new Map()]));
  }

  get mailboxes(): string[] {
    return [...this.#state.keys()];
  }

  messagesIn(mailbox: string): ReadonlyMap<number, ModelMessage> {
    return this.#state.get(mailbox) ?? new Map();
  }

  get messageCount(): number {
    return [...this.#state.values()].reduce((sum, messages) => sum + messages.size, 0);
  }

  /** The server said OK. `newUid` is what APPENDUID or COPYUID told. */
  confirmed(change: Change, newUid: number | undefined): void {
    const { state, fresh } = after(this.#state, change);
    this.#state = state;
    if (fresh === undefined) return;
    assert.ok(newUid !== undefined, `${change.kind} was answered without a UID`);
    this.#note(fresh.mailbox, newUid, fresh.message.subject);
    state.get(fresh.mailbox)?.set(newUid, fresh.message);
  }

  /**
   * Compares with what the server shows now. `open` is the command whose answer never came.
   *
   * @throws {AssertionError} when something acknowledged is missing or changed, or something is there that cannot be.
   */
  compare(shown: ModelState, validity: ReadonlyMap<string, string>, open: Change | undefined): void {
    for (const [mailbox, value] of validity) {
      const known = this.#validity.get(mailbox) ?? value;
      assert.equal(value, known, `UIDVALIDITY of ${mailbox} has changed`);
      this.#validity.set(mailbox, value);
    }
    const possible = open === undefined ? [{ state: this.#state }] : [...possibilities(this.#state, open)];
    const differences = possible.map((possibility) => difference(possibility, shown));
    if (!differences.includes(undefined)) {
      assert.fail(`after ${JSON.stringify(open)}:\n${differences.join('\nor: ')}`);
    }
    for (const [mailbox, messages] of shown) {
      for (const [uid, { subject }] of messages) this.#note(mailbox, uid, subject);
    }
    this.#state = shown;
  }

  /** A UID belongs to one message for ever, and a new one is higher than all before. */
  #note(mailbox: string, uid: number, subject: string): void {
    const key = `${mailbox}/${uid}`;
    const before = this.#given.get(key);
    assert.equal(subject, before ?? subject, `UID ${key} was given twice`);
    const highest = this.#highest.get(mailbox) ?? 0;
    if (before === undefined) assert.ok(uid > highest, `UID ${key} is new, but ${highest} was given before`);
    this.#given.set(key, subject);
    this.#highest.set(mailbox, Math.max(highest, uid));
  }
}

function copyOf(state: ModelState): ModelState {
  return new Map([...state].map(([name, messages]) => [name, new Map(messages)]));
}

function after(before: ModelState, change: Change): Possibility {
  const state = copyOf(before);
  const messages = state.get(change.mailbox);
  if (change.kind === 'append') return { state, fresh: { mailbox: change.mailbox, message: change.message } };
  const message = messages?.get(change.uid);
  assert.ok(messages !== undefined && message !== undefined);
  const flags = new Set(message.flags);
  if (change.kind === 'flag') flags.add(change.flag);
  if (change.kind === 'unflag') flags.delete(change.flag);
  if (change.kind === 'flag' || change.kind === 'unflag') messages.set(change.uid, { ...message, flags });
  if (change.kind === 'expunge' || change.kind === 'move') messages.delete(change.uid);
  if (change.kind === 'copy' || change.kind === 'move') return { state, fresh: { mailbox: change.target, message } };
  return { state };
}

function* possibilities(state: ModelState, open: Change): Generator<Possibility> {
  yield { state };
  yield after(state, open);
  // An expunge is two commands: the first may have been done alone.
  if (open.kind === 'expunge') yield after(state, { ...open, kind: 'flag', flag: '\\Deleted' });
}

/** @returns what is wrong, or undefined when it is the same. */
function difference({ state, fresh }: Possibility, shown: ModelState): string | undefined {
  const wrong: string[] = [];
  let freshToCome = fresh;
  for (const [mailbox, messages] of state) {
    const there = shown.get(mailbox) ?? new Map<number, ModelMessage>();
    for (const [uid, message] of messages) {
      const found = there.get(uid);
      if (found === undefined) wrong.push(`${mailbox}/${uid} ${message.subject} is lost`);
      else if (words(found) !== words(message))
        wrong.push(`${mailbox}/${uid} is ${words(found)}, not ${words(message)}`);
    }
    for (const [uid, found] of there) {
      if (messages.has(uid)) continue;
      const expected = freshToCome?.mailbox === mailbox && words(freshToCome.message) === words(found);
      if (expected) freshToCome = undefined;
      else wrong.push(`${mailbox}/${uid} ${words(found)} came from nowhere`);
    }
  }
  if (freshToCome !== undefined) wrong.push(`${freshToCome.message.subject} did not come to ${freshToCome.mailbox}`);
  return wrong.length === 0 ? undefined : wrong.join(', ');
}

function words({ subject, flags }: ModelMessage): string {
  return `${subject} (${[...flags].sort().join(' ')})`;
}
