/**
 * Replies: how a command ends, and its octets.
 */

/** Response codes of RFC 2449, RFC 3206 and RFC 6856. */
export type ResponseCode = 'AUTH' | 'IN-USE' | 'LOGIN-DELAY' | 'SYS/PERM' | 'SYS/TEMP' | 'UTF8';

/** `+OK text` or `-ERR [CODE] text`, and more lines behind it if there are. */
export interface Reply {
  readonly ok: boolean;
  readonly text: string;
  readonly code?: ResponseCode | undefined;
  readonly lines?: readonly string[];
  /** The command was none, or not as it should be: too many of them end the connection. */
  readonly isMistake?: boolean;
}

/** `+OK` */
export function ok(text: string, lines?: readonly string[]): Reply {
  return { ok: true, text, ...(lines === undefined ? {} : { lines }) };
}

/** `-ERR` */
export function err(text: string, code?: ResponseCode): Reply {
  return { ok: false, text, ...(code === undefined ? {} : { code }) };
}

/** For what is no command. */
export const INVALID_COMMAND: Reply = { ok: false, text: 'Invalid command.', isMistake: true };

/** The octets of a reply. */
export function encodeReply({ ok: isOk, text, code, lines }: Reply): Buffer {
  const status = isOk ? '+OK' : '-ERR';
  const first = [status, ...(code === undefined ? [] : [`[${code}]`]), ...(text === '' ? [] : [text])].join(' ');
  const all = lines === undefined ? [first] : [first, ...lines.map(stuffed), '.'];
  return Buffer.from(`${all.join('\r\n')}\r\n`, 'latin1');
}

function stuffed(line: string): string {
  return line.startsWith('.') ? `.${line}` : line;
}
