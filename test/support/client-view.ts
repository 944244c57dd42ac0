/**
 * A client that believes every untagged response about its mailbox, and can be asked whether it is right.
 */
import assert from 'node:assert/strict';
import { flagsText, type MessageFlags } from '../../imapd/mailbox/mailbox-updates.js';
import type { SelectedMailbox } from '../../imapd/mailbox/selected-mailbox.js';
import type { FolderInMemory } from './folder-in-memory.js';

interface KnownMessage {
  /** Learnt when EXISTS told of the message, as clients do with FETCH. */
  uid: number;
  flags: string;
}

/** What the client believes. */
export class ClientView {
  readonly #mailbox: SelectedMailbox;
  #messages: KnownMessage[] = [];
  #keywords: string[] = [];

  private constructor(mailbox: SelectedMailbox) {
    this.#mailbox = mailbox;
    this.#learnNew(mailbox.count);
  }

  /** A client that has just selected the mailbox and asked for all UIDs and flags. */
  static of(mailbox: SelectedMailbox): ClientView {
    return new ClientView(mailbox);
  }

  /** Takes untagged responses for true. */
  hear(updates: readonly Buffer[]): void {
    const lines = Buffer.concat(updates).toString('latin1').split('\r\n');
    assert.equal(lines.pop(), '');
    for (const line of lines) this.#hearLine(line);
  }

  /** Takes the answer of STORE for true. */
  hearFlags(number: number, flags: MessageFlags | undefined): void {
    const message = this.#messages[number - 1];
    assert.ok(message !== undefined);
    if (flags !== undefined) message.flags = words(flags);
  }

  /** Whether client and session mean the same message by the same number. */
  agreesOnNumbers(mailbox: SelectedMailbox): void {
    assert.equal(this.#messages.length, mailbox.count);
    this.#messages.forEach(({ uid }, index) => {
      assert.equal(uid, mailbox.uidOf(index + 1));
      assert.equal(mailbox.sequenceNumberOf(uid), index + 1);
    });
  }

  /** Whether the client knows the folder as it is. */
  agreesWithFolder(mailbox: SelectedMailbox, folder: FolderInMemory): void {
    this.agreesOnNumbers(mailbox);
    assert.equal(this.#messages.length, folder.table.count);
    this.#messages.forEach(({ uid, flags }, row) => {
      assert.equal(uid, folder.table.uidAt(row));
      const bits = folder.flagsAt(row);
      assert.equal(flags, words({ bits, keywords: folder.keywordsAt(row), recent: mailbox.isRecent(uid) }));
      for (const keyword of folder.keywordsAt(row)) assert.ok(this.#keywords.includes(keyword));
    });
  }

  #hearLine(line: string): void {
    const [, number, what, rest] = /^\* (\d+) (EXPUNGE|EXISTS|RECENT|FETCH) ?(.*)$/.exec(line) ?? [];
    if (what === 'EXPUNGE') {
      assert.ok(Number(number) <= this.#messages.length, line);
      this.#messages.splice(Number(number) - 1, 1);
    } else if (what === 'EXISTS') {
      assert.ok(Number(number) >= this.#messages.length, line);
      this.#learnNew(Number(number));
    } else if (what === 'FETCH') {
      const message = this.#messages[Number(number) - 1];
      assert.ok(message !== undefined, line);
      message.flags = /^\(FLAGS \((.*)\)\)$/.exec(rest ?? '')?.[1] ?? '';
      for (const word of message.flags.split(' ')) {
        if (/^\w/.test(word)) assert.ok(this.#keywords.includes(word), `${word} is used before FLAGS names it`);
      }
    } else if (line.startsWith('* FLAGS (')) {
      this.#keywords = line.slice('* FLAGS ('.length, -1).split(' ');
    } else {
      assert.ok(what === 'RECENT' || line.startsWith('* OK [PERMANENTFLAGS'), line);
    }
  }

  #learnNew(count: number): void {
    for (let number = this.#messages.length + 1; number <= count; number += 1) {
      const uid = this.#mailbox.uidOf(number);
      const flags = this.#mailbox.flagsOf(uid);
      this.#messages.push({ uid, flags: flags === undefined ? '' : words(flags) });
      // FLAGS was sent before EXISTS, or at the time of SELECT.
      for (const keyword of flags?.keywords ?? []) if (!this.#keywords.includes(keyword)) this.#keywords.push(keyword);
    }
  }
}

function words({ bits, keywords, recent }: MessageFlags): string {
  return flagsText(bits, recent, keywords);
}
