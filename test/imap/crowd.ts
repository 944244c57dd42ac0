/**
 * Who else is at work in a mailbox: another program, and what it does. Whoever shares a fixture with it has a clock on which
 * every look takes long, so that each piece of work ends a slice.
 */
import { readdirSync, renameSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { writeMessages } from '../support/generated-maildir.js';
import { SessionFixture } from '../support/session-fixture.js';

/** Messages of the mailbox to begin with. */
const MESSAGES = 20;
/** Turns of others between two deeds. */
const TURNS = 20;

/** What another program does. */
export const DEEDS = ['deliver', 'remove', 'flag', 'nothing'] as const;

/** One deed, and to which message. */
export interface Deed {
  readonly what: (typeof DEEDS)[number];
  readonly pick: number;
}

function textOf(number: number): string {
  return `Subject: ${['apple', 'fig', 'pear'][number % 3]}\nMessage-ID: <${number}@x>\n\ntext ${'x'.repeat(number % 5)}\n`;
}

/** INBOX with some messages, for sessions that pause wherever they may. */
export function crowdedFixture(): SessionFixture {
  let now = Date.now();
  const fixture = new SessionFixture('empty', {
    now: () => {
      now += 20;
      return now;
    },
  });
  writeMessages(
    fixture.maildir,
    Array.from({ length: MESSAGES }, (_, number) => ({ octets: textOf(number) })),
  );
  return fixture;
}

/** Another program. */
export class Stranger {
  readonly #maildir: string;
  #deeds = 0;

  constructor(maildir: string) {
    this.#maildir = maildir;
  }

  /** Does one thing after the other, while others work. */
  async work(deeds: readonly Deed[]): Promise<void> {
    for (const deed of deeds) {
      for (let turns = 0; turns < TURNS; turns += 1) await nextTurn();
      this.#act(deed);
    }
  }

  #act({ what, pick }: Deed): void {
    this.#deeds += 1;
    const cur = join(this.#maildir, 'cur');
    const names = readdirSync(cur);
    const name = names[pick % Math.max(1, names.length)];
    if (what === 'deliver') {
      const unique = `1800${String(this.#deeds).padStart(6, '0')}.M1.mx`;
      writeFileSync(join(this.#maildir, 'tmp', unique), textOf(pick));
      renameSync(join(this.#maildir, 'tmp', unique), join(this.#maildir, 'new', unique));
    } else if (name !== undefined && what === 'remove') unlinkSync(join(cur, name));
    else if (name !== undefined && what === 'flag') {
      renameSync(join(cur, name), join(cur, name.replace(/:2,.*/, pick % 2 === 0 ? ':2,F' : ':2,FS')));
    }
    // So that it is seen at the next look, whatever the clock of the file system.
    const seconds = 1_400_000_000 + this.#deeds;
    utimesSync(join(this.#maildir, what === 'deliver' ? 'new' : 'cur'), seconds, seconds);
  }
}
