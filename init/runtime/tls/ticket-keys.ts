/**
 * The keys of session tickets: with a ticket a client resumes its session in any login process, without the costly part
 * of a handshake.
 *
 * Who learns a key can read what sessions of TLS 1.2 said that were resumed with its tickets. So keys never touch a disk,
 * and each is used for new tickets for some hours only; those before it are kept as long as their tickets hold.
 */
import { randomBytes } from 'node:crypto';
import type { SecureContext } from 'node:tls';

/** Name, HMAC key and AES key, 16 octets each. */
const KEY_OCTETS = 48;
const PART_OCTETS = 16;

/** A new key is made this often. */
const ROTATION_MS = 6 * 3_600_000;

/** Programs look for mail every few minutes, people every few hours. */
const TICKET_SECONDS = 12 * 3_600;

/** A ticket of the last moment of its key holds until two more have come. */
const KEPT = 3;

/** The keys of a service, in its supervisor. */
export class TicketKeys {
  /** The newest first: it makes tickets, all of them are good for reading. */
  #keys: readonly Uint8Array[] = [randomBytes(KEY_OCTETS)];
  #since: number;

  constructor(now: number) {
    this.#since = now;
  }

  get keys(): readonly Uint8Array[] {
    return this.#keys;
  }

  /** Makes a new key when it is time. True: there is one. */
  rotate(now: number): boolean {
    if (now >= this.#since && now - this.#since < ROTATION_MS) return false;
    this.#keys = [randomBytes(KEY_OCTETS), ...this.#keys].slice(0, KEPT);
    this.#since = now;
    return true;
  }
}

/** What Node has for keys that change, and does not document. */
interface TicketContext {
  enableTicketKeyCallback?(): void;
  onticketkeycallback?: (name: Buffer, iv: Buffer, isNew: boolean) => readonly (number | Uint8Array)[];
}

/** OpenSSL's answers: no such key, a full handshake; the ticket is good; it is, and the client gets a newer one. */
const UNKNOWN = 0;
const GOOD = 1;
const RENEW = 2;

/** Lets a context make and read tickets with these keys. */
export function useTicketKeys(context: SecureContext, keys: readonly Uint8Array[]): void {
  const inside = context.context as TicketContext & {
    setTicketKeys(key: Buffer): void;
    setSessionTimeout(seconds: number): void;
  };
  const parts = keys.map((key) => {
    const part = (number: number) => Buffer.from(key.subarray(number * PART_OCTETS, (number + 1) * PART_OCTETS));
    return { name: part(0), hmac: part(1), aes: part(2) };
  });
  const [newest] = parts;
  inside.setSessionTimeout(TICKET_SECONDS);
  if (newest === undefined) return;
  inside.setTicketKeys(Buffer.concat([newest.name, newest.hmac, newest.aes]));
  if (inside.enableTicketKeyCallback === undefined) return;
  inside.enableTicketKeyCallback();
  inside.onticketkeycallback = (name, _iv, isNew) => {
    if (isNew) return [GOOD, newest.hmac, newest.aes, newest.name, randomBytes(PART_OCTETS)];
    const found = parts.find((key) => key.name.equals(name));
    // Node wants keys in any case.
    if (found === undefined) return [UNKNOWN, newest.hmac, newest.aes];
    return [found === newest ? GOOD : RENEW, found.hmac, found.aes];
  };
}
