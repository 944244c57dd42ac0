/**
 * Messages that say which they are, and what a server must say of them. `X-Name: 12.3` is version 3 of message 12.
 *
 * A message that is restored has versions of the same length; by nothing but its file's inode can one tell that the old
 * one is back.
 */
import { MailGenerator } from '../bench/mail.js';
import { NEEDLES } from '../bench/mail-words.js';

/** Words of the restored messages' subjects and texts; the version decides. */
const COLOURS = ['yellow', 'violet'] as const;
export const SEARCHED_COLOUR = 'violet';

export interface Version {
  readonly name: string;
  /** With LF line ends. */
  readonly octets: Buffer;
  /** Octets on the wire. */
  readonly size: number;
  /** What BODY[HEADER.FIELDS (X-NAME SUBJECT)] holds. */
  readonly header: string;
  /** What BODY[] holds, latin1. */
  readonly wire: string;
  readonly hits: { readonly colour: boolean; readonly subject: boolean; readonly body: boolean };
}

function versionOf(name: string, octets: Buffer, hits: Version['hits']): Version {
  const wire = octets.toString('latin1').replaceAll('\n', '\r\n');
  const block = wire.slice(0, wire.indexOf('\r\n\r\n') + 2);
  const fields = block.match(/^(?:X-Name|Subject):.*\r\n(?:[ \t].*\r\n)*/gim) ?? [];
  return { name, octets, size: wire.length, header: `${fields.join('')}\r\n`, wire, hits };
}

/** All messages and versions that ever were. */
export class VersionedMail {
  readonly #generator = new MailGenerator();
  readonly #versions = new Map<string, Version>();
  #next = 0;

  /** An ordinary message, as the bench has it. It has one version for ever. */
  ordinary(): Version {
    const number = this.#next;
    this.#next += 1;
    const { octets, needles } = this.#generator.message(number);
    const name = `${number}.0`;
    return this.#keep(
      versionOf(name, Buffer.concat([Buffer.from(`X-Name: ${name}\n`), octets]), {
        colour: false,
        subject: needles.subject,
        body: needles.body,
      }),
    );
  }

  /** A version of a message that is restored now and then. */
  restorable(number: number, version: number): Version {
    const colour = COLOURS[version % COLOURS.length] ?? '';
    const padded = String(version).padStart(5, '0');
    const name = `kept${number}.${padded}`;
    const text = [
      `X-Name: ${name}`,
      `From: Painter ${padded} <${colour}@example.com>`,
      `Message-ID: <${padded}.${number}@example.com>`,
      `Subject: a ${colour} picture ${padded}`,
      `Date: Tue, 3 Mar 2020 10:${String(version % 60).padStart(2, '0')}:00 +0000`,
      '',
      `It is ${colour}, and it has no ${version % 2 === 0 ? NEEDLES.body : 'trumpet'}.`,
      '',
    ].join('\n');
    const hits = { colour: colour === SEARCHED_COLOUR, subject: false, body: version % 2 === 0 };
    return this.#keep(versionOf(name, Buffer.from(text), hits));
  }

  /** The version of this name. @throws {Error} when nobody made it. */
  named(name: string): Version {
    const version = this.#versions.get(name);
    if (version === undefined) throw new Error(`nobody made ${name}`);
    return version;
  }

  /** Every version of the same message. */
  versionsOf(name: string): Version[] {
    const [message] = name.split('.');
    return [...this.#versions.values()].filter((version) => version.name.split('.')[0] === message);
  }

  #keep(version: Version): Version {
    this.#versions.set(version.name, version);
    return version;
  }
}
