/**
 * The mail of the sandbox's account: a few messages that look like real ones, in a maildir with the usual folders.
 *
 * Written once; what a visitor changes in it stays. It knows maildirs as files only.
 */
import { existsSync, mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';

interface SampleMessage {
  readonly folder: string;
  /** Flags as in filenames: `S` for seen; undefined puts it into new/. */
  readonly flags?: string;
  readonly hoursAgo: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const FOLDERS = ['Drafts', 'Sent', 'Trash'];

const HOUR_MS = 3_600_000;

/** Makes the maildir with its messages, unless it is there. */
export function makeSampleMaildir(maildir: string): void {
  if (existsSync(maildir)) return;
  // Under another name until it is whole, so that an interrupted first start leaves no half of it.
  const unfinished = `${maildir}.unfinished`;
  makeFolder(unfinished);
  for (const folder of FOLDERS) {
    makeFolder(join(unfinished, `.${folder}`));
    writeFileSync(join(unfinished, `.${folder}`, 'maildirfolder'), '');
  }
  const subscribed = FOLDERS.map((folder) => `INBOX.${folder}\n`).join('');
  writeFileSync(join(unfinished, 'courierimapsubscribed'), `INBOX\n${subscribed}`);
  sampleMessages().forEach((message, index) => {
    deliver(unfinished, message, index);
  });
  renameSync(unfinished, maildir);
}

function makeFolder(path: string): void {
  for (const name of ['tmp', 'new', 'cur']) mkdirSync(join(path, name), { recursive: true, mode: 0o700 });
}

function deliver(maildir: string, { folder, flags, hoursAgo, headers, body }: SampleMessage, index: number): void {
  const date = new Date(Date.now() - hoursAgo * HOUR_MS);
  const head = Object.entries({ ...headers, Date: date.toUTCString().replace('GMT', '+0000') });
  const text = `${head.map(([name, value]) => `${name}: ${value}\n`).join('')}\n${body}`;
  const seconds = Math.floor(date.getTime() / 1000);
  const host = hostname().replaceAll('/', '\\057').replaceAll(':', '\\072');
  const uniqueName = `${seconds}.M${index}P${process.pid}.${host},S=${Buffer.byteLength(text)}`;
  const filename = flags === undefined ? join('new', uniqueName) : join('cur', `${uniqueName}:2,${flags}`);
  const path = join(maildir, folder, filename);
  writeFileSync(path, text, { mode: 0o600 });
  utimesSync(path, date, date);
}

function sampleMessages(): SampleMessage[] {
  return [welcome(), minutes(), utf8Subject(), sentReply()];
}

function plain(subject: string, from: string, to: string, id: string): Record<string, string> {
  return {
    From: from,
    To: to,
    Subject: subject,
    'Message-ID': `<${id}@sandbox.example>`,
    'MIME-Version': '1.0',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Transfer-Encoding': '8bit',
  };
}

function welcome(): SampleMessage {
  const body = `Hello,

this is your own IMAP server, with an account to try things on. What you delete here is gone, and what you
send here goes nowhere.

The settings are in var/etc, each explained above its line. The mail is in var/mail/demo/Maildir, as plain files.
`;
  const headers = plain('Welcome', 'Angarium <postmaster@sandbox.example>', 'demo@sandbox.example', 'welcome');
  return { folder: '.', hoursAgo: 1, headers, body };
}

function minutes(): SampleMessage {
  const boundary = '=_sandbox_1';
  const table = Buffer.from('date;topic;who\n2026-11-03;backups;Ines\n2026-11-10;new disks;Tomasz\n');
  const body = `This is a message in several parts.

--${boundary}
Content-Type: text/plain; charset=utf-8

The minutes are attached, as a table.

Ines
--${boundary}
Content-Type: text/csv; name="minutes.csv"
Content-Disposition: attachment; filename="minutes.csv"
Content-Transfer-Encoding: base64

${table.toString('base64').replace(/.{76}/g, '$&\n')}
--${boundary}--
`;
  const headers = {
    ...plain('Minutes of Tuesday', 'Ines Moreau <ines@sandbox.example>', 'demo@sandbox.example', 'minutes'),
    'Content-Type': `multipart/mixed; boundary="${boundary}"`,
    'Content-Transfer-Encoding': '7bit',
  };
  return { folder: '.', flags: 'S', hoursAgo: 26, headers, body };
}

function utf8Subject(): SampleMessage {
  const subject = `=?utf-8?B?${Buffer.from('Grüße aus Łódź ☀').toString('base64')}?=`;
  const body = 'Cześć,\n\ndas Wetter ist gut, die Züge sind pünktlich. Bis Freitag!\n\nTomasz\n';
  const from = 'Tomasz =?utf-8?Q?Wi=C5=9Bniewski?= <tomasz@sandbox.example>';
  return { folder: '.', hoursAgo: 3, headers: plain(subject, from, 'demo@sandbox.example', 'greetings'), body };
}

function sentReply(): SampleMessage {
  const headers = {
    ...plain('Re: Minutes of Tuesday', 'demo@sandbox.example', 'Ines Moreau <ines@sandbox.example>', 'reply'),
    'In-Reply-To': '<minutes@sandbox.example>',
    References: '<minutes@sandbox.example>',
  };
  return { folder: '.Sent', flags: 'S', hoursAgo: 25, headers, body: 'Thank you, I will bring the disks.\n' };
}
