/**
 * Mail for a rehearsal: short messages of every kind that clients send, made up here. Message n is always the same.
 */

/** What a message file is called. */
export interface SampleName {
  readonly name: string;
  /** Nobody has seen it yet, so it lies in `new`. */
  readonly isNew: boolean;
}

/** A message file. */
export interface SampleMessage extends SampleName {
  readonly octets: Buffer;
  /** Milliseconds since 1970. */
  readonly arrivedAt: number;
}

const FIRST_SECOND = 1_700_000_000;
const SECONDS_BETWEEN = 4_321;

const people = [
  'Ines Moreau <ines@mail.example>',
  '"Brook, Tom" <tom.brook@mail.example>',
  '=?utf-8?Q?J=C3=BCrgen_M=C3=BCller?= <juergen@mail.example>',
  '=?utf-8?B?V2nFm25pZXdza2k=?= <w@mail.example>',
  '=?iso-8859-1?Q?Andr=E9?=\n =?iso-8859-1?Q?_B=E9rard?= <andre@lists.example>',
  'list@lists.example (The \\(first\\) list)',
  '"Tom \\"Tim\\" Brook" <tim@mail.example>',
  'root@host.example',
  'A very long name of a sender who writes to us <with.a.long.address+and-detail@department.mail.example>',
  'Router (in the cellar) <"quoted local"@[192.0.2.1]>',
  '=?koi8-r?B?6dfBziDwxdTSz9c=?= <ivan@mail.example>',
] as const;

const subjects = [
  'Minutes of Tuesday',
  'Re: Minutes of Tuesday',
  '[list-1] Re: new disks, and what they cost',
  '=?utf-8?B?R3LDvMOfZSBhdXMgxYHDs2TFug==?=',
  'Fwd: =?iso-8859-1?Q?caf=E9_au_lait?= tomorrow',
  'RE: Your order 4711\n is on its way to you, and will be there soon',
  'Invitation (with a table)',
  'backup report',
  '=?iso-2022-jp?B?GyRCJDMkcyRLJEEkTxsoQg==?=',
  'Re: =?windows-1251?Q?=CF=F0=E8=E2=E5=F2?=, =?gb2312?B?xOO6ww==?=',
  'Grüße in UTF-8, and =?x-none?Q?nothing_known?=',
] as const;

const dates = ['+0000', '+0100', '-0500', '+0530', 'GMT', '-0800 (PST)'] as const;

/** Beyond what is read of a file at once. */
const LARGE_REPEATS = 60;

/** Beyond what is read where nothing but a header is wanted. */
const MANY_HOPS = 70;

/** Beyond what is kept of a field for SEARCH, and not. */
const [TOO_MANY_PEOPLE, MANY_PEOPLE] = [140, 60];

const PROSE = 'The quick brown fox jumps over the lazy dog while it rains, and nobody looks up from the papers.\n';

/** Messages 1 to `count`. */
export function sampleMail(count: number): SampleMessage[] {
  return Array.from({ length: count }, (_, index) => sampleMessage(index + 1));
}

function sampleMessage(number: number): SampleMessage {
  const second = FIRST_SECOND + number * SECONDS_BETWEEN;
  const octets = Buffer.from(`${header(number, second)}${content(number)}`);
  return { ...sampleName(number, second, octets.length), octets, arrivedAt: second * 1000 };
}

function sampleName(number: number, second: number, sizeOctets: number): SampleName {
  const isNew = number % 20 === 0;
  const flags = `${number % 25 === 0 ? 'F' : ''}${number % 7 === 0 ? 'R' : ''}${number % 5 === 0 ? '' : 'S'}`;
  const unique = `${second}.M${(number * 7919) % 1_000_000}P${1000 + number}.mail.example,S=${sizeOctets}`;
  return { name: isNew ? unique : `${unique}:2,${flags}`, isNew };
}

/** Names of `count` messages, in no order, some of which came in the same second. */
export function manyNames(count: number): SampleName[] {
  return Array.from({ length: count }, (_, index) => {
    const number = 1 + ((index * 7) % count);
    return sampleName(number, FIRST_SECOND + Math.floor(number / 3) * SECONDS_BETWEEN, 500 + (number % 90) ** 2);
  });
}

function pick<T>(from: readonly T[], number: number): T | '' {
  return from[number % from.length] ?? '';
}

function header(number: number, second: number): string {
  const [day, date, month, year, time] = new Date(second * 1000).toUTCString().replace(',', '').split(' ');
  const sent = `${day}, ${date} ${month} ${year} ${time} ${pick(dates, number)}`;
  const from = pick(people, number);
  const hops = Array.from(
    { length: number % 19 === 0 ? MANY_HOPS : 1 + (number % 4) },
    (_, hop) =>
      `Received: from mx${hop}.mail.example (mx${hop}.mail.example [192.0.2.${number % 250}])\n\tby in.example (Postfix) with ESMTPS id ${number * 7919}${hop}\n\tfor <me@home.example>; ${sent}\n`,
  );
  const fields = [
    `From: ${from}`,
    `To: ${toField(number)}`,
    `Date: ${sent}`,
    `Subject: ${pick(subjects, number)}${number % 3 === 0 ? ` ${number % 11}` : ''}`,
    `${number % 4 === 0 ? 'Message-Id' : 'Message-ID'}: <${number}.${second}@mail.example>`,
  ];
  if (number % 4 === 1) fields.push(`Cc: ${pick(people, number + 3)},\n ${pick(people, number + 5)}`);
  if (number % 9 === 1) fields.push(`Reply-To: ${pick(people, number + 1)}`, 'Sender: noreply@mail.example');
  if (number % 2 === 0) fields.push(...thread(number));
  if (number % 5 === 0) fields.push('List-Id: <one.lists.example>', 'Precedence: list', 'X-Priority: 1 (Highest)');
  if (number % 3 === 0) fields.push('User-Agent: Mutt/2.2.9', 'X-Spam-Status: No, score=-1.9\n\trequired=5.0');
  if (number % 3 === 1) {
    const signature = 'b0a1c2d3e4f5a6b7c8d9e0f1'.repeat(3);
    fields.push(
      `DKIM-Signature: v=1; a=rsa-sha256; d=mail.example;\n\ts=one; h=from:to;\n\tb=${signature}\n\t ${signature}`,
    );
  }
  if (number % 6 === 0) fields.reverse();
  return `Return-Path: <ines@mail.example>\nDelivered-To: me@home.example\n${hops.join('')}${fields.join('\n')}\n`;
}

function toField(number: number): string {
  if (number % 31 === 0) return 'undisclosed-recipients:;';
  if (number % 37 === 0) {
    const length = number % 2 === 0 ? MANY_PEOPLE : TOO_MANY_PEOPLE;
    return Array.from({ length }, (_, at) => pick(people, at)).join(',\n ');
  }
  if (number % 29 === 0) return `team: ${pick(people, number)}, ${pick(people, number + 1)};`;
  const others = Array.from({ length: number % 4 }, (_, at) => `,\n ${pick(people, number + at)}`);
  return `me@home.example${others.join('')}`;
}

function thread(number: number): string[] {
  const ids = Array.from({ length: 1 + (number % 5) }, (_, back) => Math.max(1, number - 2 * (back + 1))).reverse();
  const references = ids.map((id) => `<${id}.${FIRST_SECOND + id * SECONDS_BETWEEN}@mail.example>`);
  return [`In-Reply-To: ${references.at(-1)}`, `References: ${references.join('\n ')}`];
}

interface Part {
  readonly fields: string;
  readonly body: string;
}

function content(number: number): string {
  if (number % 71 === 0) return `MIME-Version: 1.0\n${withLarge.fields}\n${withLarge.body}`;
  if (number % 23 === 0) return `\n${prose(number)}`;
  const { fields, body } = pick(kinds, number) || plain;
  const part = { fields, body };
  return `MIME-Version: 1.0\n${part.fields}\n${part.body}${number % 13 === 0 ? prose(60) : ''}`;
}

function prose(lines: number): string {
  return PROSE.repeat(4 + (lines % 40));
}

const plain: Part = {
  fields: 'Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit\n',
  body: prose(7),
};
const flowed: Part = {
  fields: 'Content-Type: text/plain; charset="utf-8"; format=flowed\nContent-Transfer-Encoding: 8bit\n',
  body: `Grüße aus Łódź, es regnet.\n${prose(15)}`,
};
const quoted: Part = {
  fields: 'Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n',
  body: `<p>caf=E9 au lait=\n and more</p>\n${prose(9)}`,
};
const encoded: Part = {
  fields: 'Content-Type: text/plain;\n charset=utf-8\nContent-Transfer-Encoding: base64\n',
  body: lines64(prose(6)),
};
const picture: Part = {
  fields:
    'Content-Type: image/png; name="=?utf-8?Q?caf=C3=A9.png?="\nContent-Disposition: attachment;\n filename*=utf-8\'\'caf%C3%A9.png; size=1234\nContent-Transfer-Encoding: base64\nContent-ID: <one@mail.example>\n',
  body: lines64(prose(39)),
};
const large: Part = { fields: picture.fields, body: picture.body.repeat(LARGE_REPEATS) };
const alternative = multipart('alternative', [flowed, quoted]);
const related = multipart('related', [alternative, picture], '; type="multipart/alternative"');
const mixed = multipart('mixed', [plain, picture]);
const described: Part = {
  fields:
    'Content-Type: text/plain; charset=utf-8\nContent-Description: notes\nContent-Language: en, de\nContent-Location: notes.txt\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\n',
  body: prose(3),
};
const forwarded: Part = {
  fields: 'Content-Type: message/rfc822\nContent-Disposition: inline\n',
  body: `From: ${people[0]}\nTo: ${people[1]}\nSubject: ${subjects[3]}\nDate: Tue, 3 Feb 2026 04:05:06 +0100\n${alternative.fields}\n${alternative.body}`,
};
const withForwarded = multipart('mixed', [described, forwarded]);
const withLarge = multipart('mixed', [plain, large]);
const bounced = multipart(
  'report',
  [
    plain,
    {
      fields: 'Content-Type: message/delivery-status\n',
      body: 'Reporting-MTA: dns; mx.mail.example\n\nFinal-Recipient: rfc822; nobody@mail.example\nAction: failed\n',
    },
    forwarded,
  ],
  '; report-type=delivery-status',
);
const digest = multipart('digest', [
  { fields: '', body: forwarded.body },
  { fields: '', body: `Subject: two\n\n${prose(2)}` },
]);
const signed = multipart(
  'signed',
  [plain, { fields: 'Content-Type: application/pgp-signature; name=signature.asc\n', body: lines64(prose(1)) }],
  '; micalg=pgp-sha512;\n protocol="application/pgp-signature"',
);

/** Plain mail is the most common. */
const kinds: readonly Part[] = [
  plain,
  alternative,
  flowed,
  quoted,
  mixed,
  encoded,
  alternative,
  related,
  plain,
  withForwarded,
  signed,
  bounced,
  digest,
];

function multipart(subtype: string, parts: readonly Part[], parameters = ''): Part {
  const boundary = `=_${subtype}_${parts.length}`;
  const bodies = parts.map(({ fields, body }) => `--${boundary}\n${fields}\n${body}\n`);
  return {
    fields: `Content-Type: multipart/${subtype}; boundary="${boundary}"${parameters}\n`,
    body: `This is a message in several parts.\n\n${bodies.join('')}--${boundary}--\n`,
  };
}

function lines64(text: string): string {
  return `${Buffer.from(text).toString('base64').replace(/.{76}/g, '$&\n')}\n`;
}
