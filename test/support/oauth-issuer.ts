/**
 * A small identity provider for tests: it signs JSON Web Tokens, and tells over HTTP what its keys are, and whether an
 * opaque token is good (RFC 7662), as slowly or wrongly as a test wants.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Who the provider knows as a client that may ask. */
export const CLIENT = { id: 'imap server', secret: 's:e/cret' };

/** How a signature is made. */
export type SigningAlgorithm = 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

export const ISSUER = 'https://login.example.com/realms/mail';
export const AUDIENCE = 'imap.example.com';

const makers: Readonly<Record<SigningAlgorithm, () => { publicKey: KeyObject; privateKey: KeyObject }>> = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

/** A key pair of the provider. */
export class SigningKey {
  readonly algorithm: SigningAlgorithm;
  readonly id: string;
  readonly publicKey: KeyObject;
  readonly #privateKey: KeyObject;

  constructor(algorithm: SigningAlgorithm, id: string) {
    this.algorithm = algorithm;
    this.id = id;
    const { publicKey, privateKey } = makers[algorithm]();
    this.publicKey = publicKey;
    this.#privateKey = privateKey;
  }

  /** As it stands in a key set. */
  get jwk(): object {
    return { ...this.publicKey.export({ format: 'jwk' }), kid: this.id, alg: this.algorithm, use: 'sig' };
  }

  /** A token; `header` replaces fields of the usual one. */
  sign(claims: object, header: object = {}): string {
    const head = encoded({ alg: this.algorithm, kid: this.id, typ: 'at+jwt', ...header });
    const signed = `${head}.${encoded(claims)}`;
    const pss = this.algorithm === 'PS256' ? { padding: 6, saltLength: -1 } : {};
    const how = { key: this.#privateKey, dsaEncoding: 'ieee-p1363' as const, ...pss };
    const signature = sign(this.algorithm === 'EdDSA' ? null : 'sha256', Buffer.from(signed), how);
    return `${signed}.${signature.toString('base64url')}`;
  }
}

/** A part of a token. */
export function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Claims of a good token; `now` in seconds. */
export function goodClaims(now: number, changes: object = {}): Record<string, unknown> {
  const times = { iat: now - 10, exp: now + 300 };
  return { iss: ISSUER, aud: AUDIENCE, email: 'ann', scope: 'openid mail', ...times, ...changes };
}

/** What the provider does when it is asked. */
export interface IssuerBehaviour {
  /** Claims by opaque token. */
  readonly tokens: ReadonlyMap<string, object>;
  /** Answers with these octets in place of all that. */
  answer?: { readonly status: number; readonly body: string } | 'nothing' | undefined;
  /** Its key set. */
  keys?: readonly SigningKey[];
}

/** The provider's server. */
export class Issuer {
  readonly #server: Server;
  readonly #behaviour: IssuerBehaviour;
  /** Tokens that were asked about. */
  readonly asked: string[] = [];
  /** How often its key set was fetched. */
  keySetRequests = 0;

  private constructor(behaviour: IssuerBehaviour) {
    this.#behaviour = behaviour;
    this.#server = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        const answer =
          request.method === 'GET'
            ? this.#keySet()
            : this.#answer(String(request.headers.authorization), Buffer.concat(pieces).toString());
        if (answer === undefined) return;
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body);
      });
    });
  }

  static async start(behaviour: IssuerBehaviour): Promise<Issuer> {
    const issuer = new Issuer(behaviour);
    await new Promise<void>((resolve) => issuer.#server.listen(0, '127.0.0.1', resolve));
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/introspect`;
  }

  get keySetUrl(): string {
    return this.url.replace('introspect', 'certs');
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #keySet(): { status: number; body: string } | undefined {
    const { answer, keys = [] } = this.#behaviour;
    this.keySetRequests += 1;
    if (answer === 'nothing') return undefined;
    return answer ?? { status: 200, body: JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }) };
  }

  #answer(authorization: string, body: string): { status: number; body: string } | undefined {
    const { answer, tokens } = this.#behaviour;
    if (answer === 'nothing') return undefined;
    if (answer !== undefined) return answer;
    const expected = Buffer.from(`${encodeURIComponent(CLIENT.id)}:${encodeURIComponent(CLIENT.secret)}`);
    if (authorization !== `Basic ${expected.toString('base64')}`) return { status: 401, body: '{}' };
    const token = new URLSearchParams(body).get('token') ?? '';
    this.asked.push(token);
    const claims = tokens.get(token);
    return {
      status: 200,
      body: JSON.stringify(claims === undefined ? { active: false } : { active: true, ...claims }),
    };
  }
}
