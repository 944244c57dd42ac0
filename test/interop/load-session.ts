/**
 * A client that gives a server the bench's work, and a witness who compares every answer with what the messages are.
 */
import { performance } from 'node:perf_hooks';
import { NEEDLES } from '../bench/mail-words.js';
import { FULL_LIST } from '../bench/rows.js';
import type { ImapClient } from '../support/imap-client.js';
import { SEARCHED_COLOUR, type Version, type VersionedMail } from './versioned-mail.js';

/** Asked for together, so that each answer says of which message it is. */
export const CHECKED_LIST = 'UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS (X-NAME SUBJECT)]';

/** The searches whose hits are known, and which messages they hit. */
export const searches: readonly { readonly keys: string; readonly hits: (version: Version) => boolean }[] = [
  { keys: `SUBJECT ${SEARCHED_COLOUR}`, hits: ({ hits }) => hits.colour },
  { keys: `FROM ${SEARCHED_COLOUR}`, hits: ({ hits }) => hits.colour },
  { keys: `SUBJECT ${NEEDLES.subject}`, hits: ({ hits }) => hits.subject },
  { keys: `BODY ${NEEDLES.body}`, hits: ({ hits }) => hits.body },
];

/** UID of an untagged FETCH response; 0 when it has none. */
export function uidOf(response: string): number {
  return Number(/\bUID (\d+)/.exec(response)?.[1] ?? 0);
}

/** X-Name of a header in a FETCH response. */
export function nameOf(response: string): string | undefined {
  return /^X-Name: (\S+)\r$/m.exec(response)?.[1];
}

/** Collects what was told and what of it was wrong. */
export class Witness {
  readonly faults: string[] = [];
  readonly #mail: VersionedMail;
  /** The message, without its version, of each UID. */
  readonly #messages = new Map<number, string>();
  readonly #hits: { uid: number; search: number }[] = [];
  answers = 0;

  constructor(mail: VersionedMail) {
    this.#mail = mail;
  }

  /** Answers to FETCH of CHECKED_LIST. */
  checkList(who: string, untagged: readonly string[]): void {
    for (const response of untagged) {
      const uid = uidOf(response);
      const name = nameOf(response);
      if (uid === 0 || name === undefined) continue;
      this.answers += 1;
      const version = this.#mail.named(name);
      this.#noteMessage(who, uid, name);
      const size = Number(/RFC822\.SIZE (\d+)/.exec(response)?.[1]);
      if (size !== version.size) this.#fault(`${who}: ${name} has ${size} octets, not ${version.size}`);
      if (!response.includes(version.header)) this.#fault(`${who}: the header of ${name} is ${response}`);
    }
  }

  /** Answers to FETCH of whole bodies. */
  checkBodies(who: string, untagged: readonly string[]): void {
    for (const response of untagged) {
      const name = nameOf(response);
      if (name === undefined) continue;
      this.answers += 1;
      if (!response.includes(this.#mail.named(name).wire)) this.#fault(`${who}: the body of ${name} is another`);
    }
  }

  /** UIDs that a search found; judged when all UIDs are known. */
  noteHits(search: number, untagged: readonly string[]): void {
    for (const uid of numbersIn(untagged, 'SEARCH')) this.#hits.push({ uid, search });
    this.answers += 1;
  }

  /** Each was found rightly if some version of the message has what was looked for. */
  judgeHits(): void {
    for (const { uid, search } of this.#hits) {
      const message = this.#messages.get(uid);
      const wanted = searches[search];
      if (message === undefined || wanted === undefined) continue;
      if (!this.#mail.versionsOf(`${message}.`).some(wanted.hits)) this.#fault(`${wanted.keys} found ${message}`);
    }
  }

  #noteMessage(who: string, uid: number, name: string): void {
    const [message = ''] = name.split('.');
    const known = this.#messages.get(uid) ?? message;
    if (known !== message) this.#fault(`${who}: UID ${uid} is ${message}, and was ${known}`);
    this.#messages.set(uid, message);
  }

  #fault(what: string): void {
    this.faults.push(what.slice(0, 600));
  }
}

/** The numbers of untagged SEARCH, SORT or THREAD responses. */
export function numbersIn(untagged: readonly string[], kind: string): number[] {
  return untagged
    .filter((line) => line.startsWith(`* ${kind}`))
    .flatMap((line) => (line.match(/\d+/g) ?? []).map(Number));
}

/** Works until the time is over. `change` says whether it also changes mail. Vanished messages may be refused. */
export async function loadSession(
  who: string,
  client: ImapClient,
  witness: Witness,
  mail: VersionedMail,
  until: number,
): Promise<void> {
  const some = <Choice>(list: readonly Choice[]): Choice | undefined => list[Math.floor(Math.random() * list.length)];
  for (let round = 0; performance.now() < until; round += 1) {
    await client.must('NOOP');
    witness.checkList(who, (await client.send(`UID FETCH 1:* (${CHECKED_LIST})`)).untagged);
    await client.send(`UID FETCH 1:* (${FULL_LIST})`);
    const search = round % searches.length;
    witness.noteHits(search, (await client.must(`UID SEARCH ${searches[search]?.keys}`)).untagged);
    await client.must(round % 2 === 0 ? 'UID SORT (SUBJECT) UTF-8 ALL' : 'UID THREAD REFERENCES UTF-8 ALL');
    const uids = numbersIn((await client.must('UID SEARCH NOT HEADER X-Name kept')).untagged, 'SEARCH');
    const bodies = [some(uids), some(uids), some(uids)].join();
    witness.checkBodies(who, (await client.send(`UID FETCH ${bodies} (BODY.PEEK[])`)).untagged);
    await client.send(`UID STORE ${some(uids)} ${round % 3 === 0 ? '-' : '+'}FLAGS (\\Answered)`);
    await client.send(`UID COPY ${some(uids)} INBOX.Other`);
    await client.must('APPEND INBOX', Buffer.from(mail.ordinary().wire, 'latin1'));
    if (round % 4 !== 0) continue;
    await client.send(`UID STORE ${some(uids)} +FLAGS (\\Deleted)`);
    await client.must('EXPUNGE');
  }
}
