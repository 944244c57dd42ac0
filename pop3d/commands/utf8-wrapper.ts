/**
 * What a client gets that has not said UTF8, of a message with raw 8-bit text in its header: the message as an attachment,
 * as in Courier (RFC 6856 section 4 leaves it to the server). It can be switched off.
 */
import type { Session } from '../session/session.js';

/** What stands before and behind the message. */
export interface Wrapper {
  readonly head: Buffer;
  readonly tail: Buffer;
  /** Octets of both. */
  readonly octets: number;
}

const EXPLANATION = [
  'This E-mail message was determined to be Unicode-formatted',
  'but your E-mail reader does not support Unicode E-mail.',
  '',
  'Please use an E-mail reader that supports POP3 with UTF-8',
  '(see https://tools.ietf.org/html/rfc6856.html).',
  '',
  "This can also happen when the sender's E-mail program does not",
  'correctly format the sent message.',
  '',
  'The original message is included as a separate attachment',
  'so that it can be downloaded manually.',
  '',
];

/** Undefined for a message that can be sent as it is. */
export function wrapperFor({ utf8, maildrop, settings, clock }: Session, index: number): Wrapper | undefined {
  if (utf8 || !settings.wrapUtf8 || !maildrop.isUtf8At(index)) return undefined;
  const boundary = `=_${process.pid}-${Math.floor(clock.now() / 1000)}`;
  const head = lines(
    'From: Mail Delivery Subsystem <postmaster>',
    'Subject: Cannot display Unicode content',
    'Mime-Version: 1.0',
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    ...['', '', ''],
    `--${boundary}`,
    ...['Content-Type: text/plain', '', ...EXPLANATION],
    `--${boundary}`,
    ...[`Content-Type: ${settings.utf8MessageType}`, ''],
  );
  const tail = lines('', `--${boundary}--`);
  return { head, tail, octets: head.length + tail.length };
}

function lines(...all: readonly string[]): Buffer {
  return Buffer.from(`${all.join('\r\n')}\r\n`);
}
