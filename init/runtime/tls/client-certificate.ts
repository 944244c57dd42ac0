/**
 * The certificate that a client showed: is it good, and who does it say that the client is?
 *
 * Node's own TLS servers look at the first by themselves; for a connection that is secured by hand it is done here.
 */
import type { TLSSocket } from 'node:tls';

/** What couriertls and GnuTLS call the fields that OpenSSL calls otherwise. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  ...{ commonname: 'cn', email: 'emailaddress', e: 'emailaddress', userid: 'uid' },
  ...{ organization: 'o', organizationalunit: 'ou', country: 'c' },
};

const FAILED = 'Peer certificate verification failed';

/** Tells what is wrong with a client's certificate; undefined when it is good, and when there is none. */
export function certificateProblem(socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const { _handle } = socket as unknown as {
    readonly _handle: { verifyError(): (Error & { code?: string }) | null } | null;
  };
  const error = _handle === null ? new Error('the connection has gone') : _handle.verifyError();
  if (error !== null) return `${FAILED}: ${error.message}`;
  // It was looked at when the session began, which may have been hours ago.
  const isOver = socket.isSessionReused() && Date.parse(certificate.validTo) <= Date.now();
  return isOver ? `${FAILED}: certificate has expired` : undefined;
}

/**
 * Gives a field of the subject of the client's verified certificate, the last one where it repeats, by its name in any
 * case: `emailaddress`, `CN`.
 */
export function certificateField(socket: TLSSocket, name: string): string | undefined {
  if (socket.getPeerX509Certificate() === undefined || certificateProblem(socket) !== undefined) return undefined;
  const { subject } = socket.getPeerCertificate();
  const wanted = plainName(name);
  const found = Object.entries(subject ?? {}).filter(([field]) => plainName(field) === wanted);
  const values = found.flatMap(([, value]) => value as string | string[]);
  const value = values.at(-1);
  return value === '' ? undefined : value;
}

function plainName(name: string): string {
  const lower = name.toLowerCase();
  return Object.hasOwn(OTHER_NAMES, lower) ? (OTHER_NAMES[lower] ?? lower) : lower;
}
