/**
 * A model of what a server has promised: mailboxes, every message that was answered with OK, and the one command whose
 * answer never came. It knows no connection.
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

/** A command that changes messages. */
export type MessageChange =
  | { readonly kind: 'append'; readonly mailbox: string; readonly message: ModelMessage }
  | { readonly kind: 'copy' | 'move'; readonly mailbox: string; readonly uid: number; readonly target: string }
  | { readonly kind: 'flag' | 'unflag'; readonly mailbox: string; readonly uid: number; readonly flag: string }
  | { readonly kind: 'expunge'; readonly mailbox: string; readonly uid: number };

/** A command that changes mailboxes. */
export type MailboxChange =
  | { readonly kind: 'create' | 'delete'; readonly mailbox: string }
  | { readonly kind: 'rename'; readonly mailbox: string; readonly target: string };

/** A command, described by what it changes. */
export type Change = MessageChange | MailboxChange;

/** Which of both it is. */
export function isMailboxChange(change: Change): change is MailboxChange {
  return change.kind === 'create' || change.kind === 'delete' || change.kind === 'rename';
}

/** What is remembered of a mailbox for as long as it lives, whatever it is called. */
class MailboxHistory {
  validity: string | undefined;
  highestUid = 0;
  /** Every UID that was ever seen, with the subject of its message. */
  readonly #given = new Map<number, string>();

  /** A UID belongs to one message for ever, and a new one is higher than all before. */
  note(mailbox: string, uid: number, subject: string): void {
    const key = `${mailbox}/${uid}`;
    const before = this.#given.get(uid);
    assert.equal(subject, before ?? subject, `UID ${key} was given twice`);
    if (before === undefined) {
      assert.ok(uid > this.highestUid, `UID ${key} is new, but ${this.highestUid} was given before`);
    }
    this.#given.set(uid, subject);
    this.highestUid = Math.max(this.highestUid, uid);
  }
}

export class MailModel {
  #state: ModelState;
  readonly #histories: Map<string, MailboxHistory>;
  /** UIDVALIDITY of mailboxes that once had this name: `INBOX.A/1700000000`. */
  readonly #former = new Set<string>();

  constructor(mailboxes: readonly string[]) {
    this.#state = new Map(mailboxes.map((name) => [name, new Map()]));
    this.#histories = new Map(mailboxes.map((name) => [name, new MailboxHistory()]));
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
    this.#follow(change);
    if (fresh === undefined) return;
    assert.ok(newUid !== undefined, `${change.kind} was answered without a UID`);
    this.#historyOf(fresh.mailbox).note(fresh.mailbox, newUid, fresh.message.subject);
    state.get(fresh.mailbox)?.set(newUid, fresh.message);
  }

  /**
   * Compares with what the server shows now. `open` is the command whose answer never came.
   *
   * @throws {AssertionError} when something acknowledged is missing or changed, or something is there that cannot be.
   */
  compare(shown: ModelState, validity: ReadonlyMap<string, string>, open: Change | undefined): void {
    const possible = open === undefined ? [{ state: this.#state }] : [...possibilities(this.#state, open)];
    const differences = possible.map((possibility) => difference(possibility, shown));
    if (!differences.includes(undefined)) {
      assert.fail(`after ${JSON.stringify(open)}:\n${differences.join('\nor: ')}`);
    }
    // The first possibility is that nothing was done.
    if (open !== undefined && differences[0] !== undefined) this.#follow(open);
    for (const [mailbox, value] of validity) this.#compareValidity(mailbox, value);
    for (const [mailbox, messages] of shown) {
      for (const [uid, { subject }] of messages) this.#historyOf(mailbox).note(mailbox, uid, subject);
    }
    this.#state = shown;
  }

  #compareValidity(mailbox: string, value: string): void {
    const history = this.#historyOf(mailbox);
    if (history.validity === undefined) {
      const isNew = !this.#former.has(`${mailbox}/${value}`);
      assert.ok(isNew, `the new ${mailbox} has the UIDVALIDITY of one that is gone`);
    }
    assert.equal(value, history.validity ?? value, `UIDVALIDITY of ${mailbox} has changed`);
    history.validity = value;
  }

  /** Mailboxes come and go, and take what is known of them along. */
  #follow(change: Change): void {
    if (change.kind === 'create') this.#histories.set(change.mailbox, new MailboxHistory());
    if (change.kind !== 'rename' && change.kind !== 'delete') return;
    const history = this.#historyOf(change.mailbox);
    this.#histories.delete(change.mailbox);
    if (history.validity !== undefined) this.#former.add(`${change.mailbox}/${history.validity}`);
    if (change.kind === 'rename') this.#histories.set(change.target, history);
  }

  #historyOf(mailbox: string): MailboxHistory {
    const history = this.#histories.get(mailbox);
    assert.ok(history !== undefined, `${mailbox} is not there`);
    return history;
  }
}

function copyOf(state: ModelState): ModelState {
  return new Map([...state].map(([name, messages]) => [name, new Map(messages)]));
}

function after(before: ModelState, change: Change): Possibility {
  const state = copyOf(before);
  if (isMailboxChange(change)) {
    const messages = state.get(change.mailbox) ?? new Map<number, ModelMessage>();
    if (change.kind !== 'create') state.delete(change.mailbox);
    if (change.kind === 'rename') state.set(change.target, messages);
    if (change.kind === 'create') state.set(change.mailbox, messages);
    return { state };
  }
  return afterMessageChange(state, change);
}

/** Changes `state`. */
function afterMessageChange(state: ModelState, change: MessageChange): Possibility {
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
  for (const mailbox of shown.keys()) if (!state.has(mailbox)) wrong.push(`${mailbox} came from nowhere`);
  for (const mailbox of state.keys()) if (!shown.has(mailbox)) wrong.push(`${mailbox} is not there`);
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
