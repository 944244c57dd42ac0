/**
 * Runs the program that takes mail from this machine's users: `sendmail -oi -t -f SENDER`, or with the recipients in place
 * of `-t`.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Who sends, and how. */
export interface SendmailOrder {
  readonly program: string;
  /** The field that names the sender, in front of the message; empty for none. */
  readonly headerFrom: string;
  readonly sender: string;
  readonly home: string;
  /** Absent: those in the header of the message. */
  readonly recipients?: readonly string[];
  /** Delivery status notifications asked for, as `-N` has them: `success,failure`. */
  readonly notify?: string | undefined;
}

/** A mail server that takes longer has lost us. */
const MAX_MILLISECONDS = 5 * 60 * 1000;
/** Of what the program says, for the log. */
const MAX_TEXT_OCTETS = 4_096;

/** Sends a message. Gives what was said about a failure, for the log; undefined when it was sent. */
export async function sendmail(order: SendmailOrder, message: Iterable<Buffer>): Promise<string | undefined> {
  const { program, sender, home, recipients = [] } = order;
  // An address with a line end would forge the header, one with a dash would be an option.
  if (!isAddress(sender)) return 'the address of the account cannot be a sender';
  const refused = recipients.find((recipient) => !isAddress(recipient));
  if (refused !== undefined) return 'a recipient is no address';
  const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: home, AUTHENTICATED: sender, AUTHADDR: sender };
  const child = spawn(program, argumentsOf(order), { cwd: '/', env: environment });
  const timer = setTimeout(() => child.kill('SIGKILL'), MAX_MILLISECONDS);
  try {
    const ended = endOf(child);
    await write(child, order, message);
    return await ended;
  } finally {
    clearTimeout(timer);
  }
}

function isAddress(text: string): boolean {
  return text !== '' && !/^-|[\u0000-\u001f\u007f]/.test(text);
}

function argumentsOf({ sender, recipients, notify }: SendmailOrder): string[] {
  if (recipients === undefined) return ['-oi', '-t', '-f', sender];
  const notification = notify !== undefined && /^[A-Za-z,]+$/.test(notify) ? ['-N', notify] : [];
  return ['-oi', '-f', sender, ...notification, ...recipients];
}

/** What it printed and how it ended, unless that was well. */
function endOf(child: ChildProcessWithoutNullStreams): Promise<string | undefined> {
  let text = '';
  const listen = (octets: Buffer): void => {
    if (text.length < MAX_TEXT_OCTETS) text += octets.toString('latin1');
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => {
      // Courier's log has a slash for each line end.
      const said = text
        .slice(0, MAX_TEXT_OCTETS)
        .trim()
        .replace(/[\r\n]+/g, '/')
        .replace(/[^\x20-\x7e]/g, '?');
      resolve(code === 0 ? undefined : `${said}/exit ${code ?? signal}`);
    });
  });
}

/** The program may end, or never have begun, before it has read everything: how it ended says why. */
async function write(
  child: ChildProcessWithoutNullStreams,
  order: SendmailOrder,
  message: Iterable<Buffer>,
): Promise<void> {
  const { stdin } = child;
  stdin.on('error', () => undefined);
  if (order.headerFrom !== '') stdin.write(`${order.headerFrom}: ${order.sender}\n`);
  for (const octets of message) {
    if (stdin.destroyed) break;
    if (!stdin.write(octets)) await Promise.race([once(stdin, 'drain'), once(stdin, 'close')]).catch(() => undefined);
  }
  stdin.end();
}
