/**
 * What mkimapdcert and mkpop3dcert do: make a self-signed certificate in the file of TLS_CERTFILE, unless there is one,
 * with what imapd.cnf or pop3d.cnf says about the site.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT_USAGE, ProgramFailure, runProgram, settingsDirectory } from '../program.js';
import { loadSettings } from '../settings/settings-file.js';
import { certificateNames, writeNewCertificate } from './certificate-file.js';
import { isName, readCertificateTemplate } from './certificate-template.js';

/** Runs such a program to its end. `daemon`: `imapd`, whose settings are in imapd-ssl, and whose template is imapd.cnf. */
export async function runCertificateMaker(name: string, daemon: string): Promise<void> {
  const usage = `Usage: ${name} [NAME…]

Makes a key (ECDSA P-256) and a self-signed certificate in the file that TLS_CERTFILE in ${daemon}-ssl names, readable for
its owner only. A file that is there is never touched: the exit code is 1 then. NAME: host names and addresses of this
server; without any, those in ${daemon}.cnf beside the settings; without these, the machine's name, localhost and its
addresses. ${daemon}.cnf also says what else stands in the certificate: a template of certtool, or settings of openssl req.`;
  await runProgram({ name, usage, run: (words) => make(words) });

  function make(words: readonly string[]): number {
    const wrong = words.find((word) => !isName(word));
    if (wrong?.startsWith('-') === true) throw new ProgramFailure(usage, EXIT_USAGE);
    if (wrong !== undefined) throw new ProgramFailure(`${wrong} is no host name and no address`, EXIT_USAGE);
    const directory = settingsDirectory();
    const settings = loadSettings([join(directory, `${daemon}-ssl`), join(directory, daemon)]);
    const path = settings.text('TLS_CERTFILE', `/etc/courier/${daemon}.pem`);
    const template = readTemplate(join(directory, `${daemon}.cnf`));
    const names = [words, template.names, certificateNames()].find((list) => list.length > 0);
    const isMade = !existsSync(path) && writeNewCertificate(path, names, template);
    if (!isMade) process.stdout.write(`${path} already exists.\n`);
    return isMade ? 0 : 1;
  }
}

function readTemplate(path: string) {
  try {
    return readCertificateTemplate(readFileSync(path, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return readCertificateTemplate('');
    throw new ProgramFailure(`${path} cannot be read (${code})`);
  }
}
