/**
 * The login half of a toy protocol, to try the runtime without a mail protocol: one line, one answer.
 *
 *     READY                         greeting
 *     LOGIN name password           OK from the worker, or NO
 *     STARTTLS | CRASH | ECHO x
 */

import { logValue } from '../../init/runtime/log/log.js';
import { type LoginClient, type LoginProtocol, serveLogins } from '../../init/runtime/login/before-login.js';
import { Secret } from '../../init/runtime/secret.js';

serveLogins((settings) => new ToyLogin((settings as { greeting: string }).greeting));

class ToyLogin implements LoginProtocol {
  readonly #greeting: string;

  constructor(greeting: string) {
    this.#greeting = greeting;
  }

  tooManyConnections(text: string): Buffer {
    return Buffer.from(`BYE ${text}\n`);
  }

  async converse(client: LoginClient): Promise<void> {
    client.write(`${this.#greeting}\n`);
    let rest = Buffer.alloc(0);
    for (;;) {
      const end = rest.indexOf(10);
      if (end === -1) {
        const octets = await client.read();
        if (octets === undefined) return;
        rest = Buffer.concat([rest, octets]);
        continue;
      }
      const line = rest.toString('utf8', 0, end).replace(/\r$/, '');
      rest = rest.subarray(end + 1);
      if (line === 'STARTTLS') {
        rest = Buffer.alloc(0);
        client.write(client.tlsAvailable ? 'OK begin\n' : 'NO TLS\n');
        if (client.tlsAvailable) await client.startTls();
      } else if (await this.#obey(client, line, rest)) return;
    }
  }

  /** True: the client is not ours any more. */
  async #obey(client: LoginClient, line: string, rest: Buffer): Promise<boolean> {
    const [command, loginName = '', password = ''] = line.split(' ');
    if (command === 'CRASH') process.kill(process.pid, 'SIGKILL');
    if (command === 'WHO') client.write(`login ${process.pid} uid ${process.getuid?.()}\n`);
    if (command !== 'LOGIN') {
      client.write(`${line} tls=${client.tls}\n`);
      return false;
    }
    const proof = { authType: 'login', data: new Secret(password) };
    const request = { loginName, proof, service: 'toy', tag: 'T', unread: () => rest };
    const outcome = await client.authenticate(request);
    if (outcome.kind === 'handed over') return true;
    client.log.write('info', `LOGIN FAILED, user=${logValue(loginName)}, ip=[${client.remote.ip}]`);
    client.write(`NO ${outcome.kind}${outcome.kind === 'temporary failure' ? `: ${outcome.reason}` : ''}\n`);
    return false;
  }
}
