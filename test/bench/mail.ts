/**
 * Mail for measurements: message i is always the same. Half of all messages are below some 4 KB, a few have 1 MB, half
 * of them answer an earlier one, and words that searches look for stand in a known number of them.
 */
import { address, addressList, dateField, sentDate, token, unstructured } from './mail-header.js';
import { alternative, attachment, forwarded, multipart, type Part, type TextWish, textPart } from './mail-parts.js';
import { NEEDLES, type Person, people, sentences, soughtPerson, subjectWords } from './mail-words.js';
import { SeededRandom } from './random.js';

/** When message 0 came, in seconds since 1970; one comes every half hour or so. */
const FIRST_SECOND = 1_577_836_800;
const SECONDS_BETWEEN = 1800;
/** Nothing comes for two days around SINCE_SECOND, so that no time zone changes what SEARCH SINCE finds. */
export const SINCE_SECOND = FIRST_SECOND + 60 * 86_400;
const QUIET_SECONDS = 2 * 86_400;

const SHARE_OF_REPLIES = 0.5;
const LARGE_EVERY = 300;
const LARGE_OCTETS = 1_048_576;

export interface MailMessage {
  /** With LF line ends. */
  readonly octets: Buffer;
  /** Seconds since 1970. */
  readonly arrived: number;
  /** Letters as in file names; nothing while it lies in `new`. */
  readonly flags: string;
  readonly needles: { readonly from: boolean; readonly subject: boolean; readonly body: boolean };
}

/** Makes messages. Remembers who answers whom. */
export class MailGenerator {
  readonly #parents = new Map<number, number | undefined>();

  message(number: number): MailMessage {
    const random = new SeededRandom(number * 4 + 1);
    const arrived = arrivalOf(number, random);
    const from = random.chance(0.02) ? soughtPerson : random.pick(people);
    const subject = this.#subject(number, random);
    const body = random.chance(0.01);
    const content = contentOf(
      { octets: Math.min(60_000, random.longTailed(1000, 1)) + 40, needle: body },
      random,
      number,
    );
    const header = [...traceFields(from, arrived, random), ...this.#fields(number, { from, subject, arrived }, random)];
    if (content.header !== '') header.push('MIME-Version: 1.0', content.header);
    return {
      octets: Buffer.concat([Buffer.from(`${header.join('\n')}\n\n`), content.body]),
      arrived,
      flags: `${random.chance(0.04) ? 'F' : ''}${random.chance(0.15) ? 'R' : ''}${random.chance(0.8) ? 'S' : ''}`,
      needles: { from: from === soughtPerson, subject: subject.includes(NEEDLES.subject), body },
    };
  }

  /** The message that this one answers. */
  #parent(number: number): number | undefined {
    if (!this.#parents.has(number)) {
      const random = new SeededRandom(number * 4 + 2);
      const answers = number > 2 && random.chance(SHARE_OF_REPLIES);
      this.#parents.set(number, answers ? Math.max(0, number - 1 - random.longTailed(6, 1)) : undefined);
    }
    return this.#parents.get(number);
  }

  /** Those it answers, the latest last. */
  #ancestors(number: number): number[] {
    const ancestors: number[] = [];
    for (let at = this.#parent(number); at !== undefined; at = this.#parent(at)) ancestors.unshift(at);
    return ancestors;
  }

  #subject(number: number, random: SeededRandom): string {
    const [root = number] = this.#ancestors(number);
    const of = new SeededRandom(root * 4 + 3);
    const kind = of.next();
    const words = Array.from({ length: 2 + of.below(7) }, () => of.pick(subjectWords)).join(' ');
    const prefix = root === number ? '' : random.pick(['Re: ', 'Re: ', 'RE: ', 'Fwd: ', 'Re: Re: ', 'AW: ']);
    if (kind < 0.04) return `${prefix}${NEEDLES.subject} ${words}`;
    if (kind < 0.1) return `${prefix}[list-${of.below(3)}] ${words}`;
    if (kind > 0.96) return `${prefix}${words} ${Array.from({ length: 60 }, () => of.pick(subjectWords)).join(' ')}`;
    const foreign = kind > 0.8 ? of.pick(Object.values(sentences)).slice(0, 8 + of.below(40)) : undefined;
    return prefix + (foreign ?? words).trim();
  }

  #fields(number: number, message: { from: Person; subject: string; arrived: number }, random: SeededRandom): string[] {
    const { from, subject, arrived } = message;
    const fields = [`From: ${address(from, random)}`, `To: ${recipients(random)}`];
    const odd = random.next();
    if (odd > 0.008) fields.push(`Date: ${sentDate(arrived - random.below(120), random)}`);
    fields.push(`Subject: ${unstructured(subject, random)}`);
    if (random.chance(0.03)) fields.push('Sender: noreply@builds.example.com');
    if (random.chance(0.08)) fields.push(`Reply-To: ${address(random.pick(people), random)}`);
    if (random.chance(0.25)) fields.push(`Cc: ${addressList(random.pickSeveral(people, 1 + random.below(6)), random)}`);
    if (odd < 0.994) fields.push(`${random.chance(0.7) ? 'Message-ID' : 'Message-Id'}: ${messageId(number)}`);
    const ancestors = this.#ancestors(number).slice(-30).map(messageId);
    if (ancestors.length > 0) {
      fields.push(`In-Reply-To: ${ancestors.at(-1)}`);
      if (random.chance(0.9)) fields.push(`References: ${ancestors.join('\n ')}`);
    }
    if (random.chance(0.2)) fields.push(`List-Id: <list-${random.below(3)}.example.org>`, 'Precedence: list');
    if (random.chance(0.4))
      fields.push(`User-Agent: ${random.pick(['Mutt/2.2.9', 'Mozilla/5.0 (X11; Linux x86_64)'])}`);
    if (random.chance(0.1)) fields.push('X-Priority: 1 (Highest)', 'Importance: High');
    if (random.chance(0.02)) fields.push(`X-Long: ${Array.from({ length: 60 }, () => token(70, random)).join('\n\t')}`);
    if (random.chance(0.005)) fields.push(`X-Very-Long-Line: ${token(4000, random)}`);
    return random.chance(0.3) ? fields.reverse() : fields;
  }
}

function arrivalOf(number: number, random: SeededRandom): number {
  const second = FIRST_SECOND + number * SECONDS_BETWEEN + random.below(1200);
  return second < SINCE_SECOND - QUIET_SECONDS / 2 ? second : second + QUIET_SECONDS;
}

function messageId(number: number): string {
  const { address: of } = people[(number * 7) % people.length] ?? soughtPerson;
  return `<${(number * 2_654_435_761).toString(36)}.${number}@${of.split('@')[1]}>`;
}

function recipients(random: SeededRandom): string {
  const kind = random.next();
  if (kind < 0.01) return 'undisclosed-recipients:;';
  if (kind < 0.02) return `team: ${addressList(random.pickSeveral(people, 4), random)};`;
  const count = kind < 0.025 ? 60 : random.pick([1, 1, 1, 2, 3, 5]);
  return addressList(
    Array.from({ length: count }, () => random.pick(people)),
    random,
  );
}

/** What the servers on the way have added. */
function traceFields(from: Person, arrived: number, random: SeededRandom): string[] {
  const domain = from.address.split('@')[1] ?? '';
  const fields = [`Return-Path: <${from.address}>`, 'Delivered-To: somebody@example.com'];
  const hops = random.pick([1, 2, 2, 3, 3, 4, 6]);
  for (let hop = hops; hop > 0; hop -= 1) {
    fields.push(
      `Received: from mx${hop}.${domain} (mx${hop}.${domain} [192.0.2.${1 + random.below(254)}])\n` +
        `\tby mail${hop}.example.com (Postfix) with ESMTPS id ${token(11, random)}\n` +
        `\tfor <somebody@example.com>; ${dateField(arrived - 5 * (hops - hop))}`,
    );
  }
  if (random.chance(0.6)) {
    fields.push(
      `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=${domain};\n\ts=mail; h=from:to:subject:date;\n` +
        `\tbh=${token(43, random)}=;\n\tb=${token(68, random)}\n\t ${token(70, random)}\n\t ${token(70, random)}==`,
    );
  }
  if (random.chance(0.4)) fields.push(`Authentication-Results: mail.example.com;\n\tdkim=pass header.d=${domain}`);
  if (random.chance(0.3)) fields.push('X-Spam-Status: No, score=-1.9 required=5.0 tests=BAYES_00,\n\tDKIM_VALID');
  return fields;
}

type MakeContent = (wish: TextWish, random: SeededRandom) => Part;

const report: MakeContent = (wish, random) => {
  const status =
    'Reporting-MTA: dns; mx.example.com\n\nFinal-Recipient: rfc822; no@example.org\nAction: failed\nStatus: 5.1.1\n';
  const parts = [
    textPart(wish, random),
    { header: 'Content-Type: message/delivery-status', body: Buffer.from(status) },
    forwarded({ octets: 500, needle: false }, random),
  ];
  return multipart('report', parts, random, '; report-type=delivery-status');
};

const signed: MakeContent = (wish, random) => {
  const letters = Array.from({ length: 8 }, () => token(64, random)).join('\n');
  const signature = `-----BEGIN PGP SIGNATURE-----\n\n${letters}\n-----END PGP SIGNATURE-----\n`;
  const header = 'Content-Type: application/pgp-signature; name=signature.asc';
  const parts = [textPart(wish, random), { header, body: Buffer.from(signature) }];
  return multipart('signed', parts, random, '; micalg=pgp-sha512;\n protocol="application/pgp-signature"');
};

const invitation: MakeContent = (wish, random) => {
  const event = `BEGIN:VCALENDAR\nVERSION:2.0\nMETHOD:REQUEST\nBEGIN:VEVENT\nUID:${token(20, random)}\nEND:VEVENT\nEND:VCALENDAR\n`;
  const header = 'Content-Type: text/calendar; charset="utf-8"; method=REQUEST';
  return multipart('mixed', [alternative(wish, random), { header, body: Buffer.from(event) }], random);
};

const withAttachments: MakeContent = (wish, random) => {
  const text = random.chance(0.5) ? alternative(wish, random) : textPart(wish, random);
  const count = random.pick([1, 1, 1, 2, 3]);
  const all = Array.from({ length: count }, () =>
    attachment(Math.min(LARGE_OCTETS, random.longTailed(15_000, 1.2)), random),
  );
  return multipart('mixed', [text, ...all], random);
};

const withPicture: MakeContent = (wish, random) => {
  const picture = attachment(random.longTailed(8000, 1), random, 'inline');
  return multipart('related', [alternative(wish, random), picture], random, ';\n type="multipart/alternative"');
};

const digest: MakeContent = (wish, random) => {
  const first = { ...forwarded(wish, random), header: '' };
  const second = { ...forwarded({ octets: 300, needle: false }, random), header: '' };
  return multipart('digest', [first, second], random);
};

/** Kinds of content, and how often each comes of a hundred times. */
const kinds: readonly { readonly times: number; readonly make: MakeContent }[] = [
  { times: 34, make: (wish, random) => textPart(wish, random) },
  { times: 2, make: (wish) => ({ header: '', body: textWithoutMime(wish) }) },
  { times: 5, make: (wish, random) => textPart(wish, random, 'html') },
  { times: 27, make: alternative },
  { times: 14, make: withAttachments },
  { times: 6, make: withPicture },
  { times: 4, make: (wish, random) => multipart('mixed', [textPart(wish, random), forwarded(wish, random)], random) },
  { times: 1, make: forwarded },
  { times: 1, make: digest },
  { times: 2, make: report },
  { times: 2, make: signed },
  { times: 1, make: invitation },
  { times: 1, make: (wish, random) => textPart({ ...wish, octets: wish.octets * 20 }, random) },
];
const ALL_TIMES = kinds.reduce((sum, { times }) => sum + times, 0);

function textWithoutMime({ octets, needle }: TextWish): Buffer {
  const text = 'A line of mail from before MIME.\n'.repeat(1 + Math.floor(octets / 33));
  return Buffer.from(needle ? `${text}Is that a ${NEEDLES.body}?\n` : text);
}

function contentOf(wish: TextWish, random: SeededRandom, number: number): Part {
  if (number % LARGE_EVERY === LARGE_EVERY - 1) {
    return multipart('mixed', [textPart(wish, random), attachment(LARGE_OCTETS, random)], random);
  }
  let choice = random.below(ALL_TIMES);
  for (const { times, make } of kinds) {
    if (choice < times) return make(wish, random);
    choice -= times;
  }
  throw new RangeError('the kinds do not add up');
}
