/**
 * A client that keeps what it learnt of a mailbox, and comes back with QRESYNC: UIDs, flags, and the highest
 * mod-sequence up to which it knows everything. It believes every answer, and asks only for what it has not seen.
 */
import assert from 'node:assert/strict';
import type { TestClient } from './session-fixture.js';

/** What a client stores. */
export interface StoredFlag {
  readonly operation: '+' | '-' | '';
  readonly flag: string;
  /** ` (UNCHANGEDSINCE 4711)` */
  readonly condition?: string;
  readonly silent: boolean;
}

/** What outlives a connection: the cache of one client on its disk. */
export class QresyncClient {
  readonly flags = new Map<number, string>();
  #validity = '';
  #highest = 0;
  /** UIDs below it were seen. */
  #uidNext = 1;
  #connection: TestClient | undefined;
  #serial = 0;
  #exists = 0;

  get connected(): boolean {
    return this.#connection !== undefined;
  }

  isOn(connections: readonly TestClient[]): boolean {
    return this.#connection !== undefined && connections.includes(this.#connection);
  }

  /** The mod-sequence that it would come back with. */
  get highest(): number {
    return this.#highest;
  }

  get uids(): number[] {
    return [...this.flags.keys()].sort((one, other) => one - other);
  }

  /** Selects INBOX, with what is known of it, and learns what is new. */
  async connect(connection: TestClient, sequenceMatch: boolean): Promise<void> {
    this.#connection = connection;
    await this.command('ENABLE QRESYNC');
    const known =
      this.#validity === '' ? '' : ` (QRESYNC (${this.#validity} ${this.#highest}${this.#knowledge(sequenceMatch)}))`;
    const before = this.#validity;
    const answer = await this.command(`SELECT INBOX${known}`, { isSelect: true });
    const validity = /\[UIDVALIDITY (\d+)\]/.exec(answer)?.[1] ?? '';
    if (validity !== before) {
      this.flags.clear();
      this.#uidNext = 1;
      this.#highest = 0;
    }
    this.#validity = validity;
    this.#learn(answer, { isSelect: true });
    await this.command(`UID FETCH ${this.#uidNext}:* (FLAGS)`);
    this.#uidNext = Math.max(this.#uidNext, Number(/\[UIDNEXT (\d+)\]/.exec(answer)?.[1]));
    await this.catchUp();
  }

  #knowledge(sequenceMatch: boolean): string {
    const { uids } = this;
    if (!sequenceMatch || uids.length === 0) return '';
    const pairs = uids.map((uid, index) => [index + 1, uid] as const).filter((_pair, index) => index % 2 === 0);
    return ` ${uids.join(',')} (${pairs.map(([number]) => number).join(',')} ${pairs.map(([, uid]) => uid).join(',')})`;
  }

  /** The connection breaks; what was learnt stays. */
  disconnect(): void {
    this.#connection?.vanish();
    this.#connection = undefined;
  }

  /** Changes a flag. In silence it is told mod-sequences only, and knows itself what its own change did. */
  async store(uids: string, { operation, flag, condition = '', silent }: StoredFlag): Promise<void> {
    const answer = await this.command(
      `UID STORE ${uids}${condition} ${operation}FLAGS${silent ? '.SILENT' : ''} (${flag})`,
    );
    if (!silent) return;
    for (const [, uid] of answer.matchAll(/^\* \d+ FETCH \(UID (\d+) MODSEQ \(\d+\)\)$/gm)) {
      const before = (this.flags.get(Number(uid)) ?? '').split(' ').filter((word) => word !== flag && word !== '');
      const after = operation === '+' ? [...before, flag] : operation === '-' ? before : [flag];
      this.flags.set(Number(uid), after.sort().join(' '));
    }
    // What others did to these messages meanwhile was told after that.
    this.#learn(answer, { isSelect: false });
  }

  /** Sends a command, and takes what it is told for true. */
  async command(text: string, { isSelect = false } = {}): Promise<string> {
    const connection = this.#connection;
    assert.ok(connection !== undefined);
    this.#serial += 1;
    const answer = await connection.command(`c${this.#serial} ${text}`);
    assert.match(answer, new RegExp(`^c${this.#serial} (OK|NO)`, 'm'), answer);
    if (!isSelect) this.#learn(answer, { isSelect });
    return answer;
  }

  /** Asks for messages that it was told of by number only. */
  async catchUp(): Promise<void> {
    for (let tries = 0; this.flags.size < this.#exists && tries < 3; tries += 1) {
      await this.command(`UID FETCH ${this.#uidNext}:* (FLAGS)`);
    }
    this.#uidNext = Math.max(this.#uidNext, ...this.flags.keys(), 0) + (this.flags.has(this.#uidNext) ? 1 : 0);
  }

  #learn(answer: string, { isSelect }: { readonly isSelect: boolean }): void {
    let highest = this.#highest;
    for (const line of answer.split('\n')) {
      const [, vanished] = /^\* VANISHED (?:\(EARLIER\) )?([\d:,]+)$/.exec(line) ?? [];
      if (vanished !== undefined) for (const uid of this.#knownIn(vanished)) this.flags.delete(uid);
      const [, exists] = /^\* (\d+) EXISTS$/.exec(line) ?? [];
      if (exists !== undefined) this.#exists = Number(exists);
      const [, told] = /\[HIGHESTMODSEQ (\d+)\]/.exec(line) ?? [];
      if (told !== undefined) highest = isSelect ? Number(told) : Math.max(highest, Number(told));
      const [, data] = /^\* \d+ FETCH \((.*)\)$/.exec(line) ?? [];
      if (data === undefined) continue;
      const uid = Number(/UID (\d+)/.exec(data)?.[1]);
      const flags = /FLAGS \(([^)]*)\)/.exec(data)?.[1];
      assert.ok(uid > 0, line);
      if (flags !== undefined) this.flags.set(uid, withoutRecent(flags));
      highest = Math.max(highest, Number(/MODSEQ \((\d+)\)/.exec(data)?.[1] ?? 0));
    }
    // Up to here everything was told, once the command is answered.
    this.#highest = highest;
  }

  #knownIn(set: string): number[] {
    return set.split(',').flatMap((range) => {
      const [first = 0, last = first] = range.split(':').map(Number);
      return this.uids.filter((uid) => uid >= first && uid <= last);
    });
  }

  /** Compares what is believed with what the server says now. */
  async assertRight(context: () => string): Promise<void> {
    await this.command('NOOP');
    await this.catchUp();
    const believed = new Map(this.flags);
    const answer = await this.command('UID FETCH 1:* (FLAGS)');
    // What others did between the two commands stands in the answer, too: it has mod-sequences.
    const fresh = new Map<number, string>();
    for (const [, uid, flags] of answer.matchAll(/FETCH \(UID (\d+) FLAGS \(([^)]*)\)\)$/gm)) {
      fresh.set(Number(uid), withoutRecent(flags ?? ''));
    }
    const same = JSON.stringify(sorted(believed)) === JSON.stringify(sorted(fresh));
    assert.ok(
      same,
      `${context()}\nbelieved ${JSON.stringify(sorted(believed))}\nis       ${JSON.stringify(sorted(fresh))}`,
    );
  }
}

function sorted(flags: ReadonlyMap<number, string>): (readonly [number, string])[] {
  return [...flags].sort(([one], [other]) => one - other);
}

function withoutRecent(flags: string): string {
  return flags
    .split(' ')
    .filter((flag) => flag !== '\\Recent' && flag !== '')
    .sort()
    .join(' ');
}
