/**
 * The program `mkimapdcert`: makes a self-signed certificate in the file of TLS_CERTFILE, unless there is one.
 */
import { existsSync } from 'node:fs';
import { writeNewCertificate } from '../../init/runtime/certificate-file.js';
import { EXIT_USAGE, ProgramFailure, runProgram, settingsDirectory } from '../../init/runtime/program.js';
import { readImapdSettings } from '../settings/settings-reader.js';

const usage = `Usage: mkimapdcert [NAME…]

Makes a key and a self-signed certificate in the file that TLS_CERTFILE in imapd-ssl names, readable for its owner only.
A file that is there is never touched. NAME: host names and addresses of this server; without any, the machine's name,
localhost and its addresses.`;

await runProgram({
  name: 'mkimapdcert',
  usage,
  run: (words) => {
    if (words.some((word) => word.startsWith('-'))) throw new ProgramFailure(usage, EXIT_USAGE);
    const path = readImapdSettings(settingsDirectory()).configuration.tls.certificateFile;
    const isMade =
      !existsSync(path) && (words.length === 0 ? writeNewCertificate(path) : writeNewCertificate(path, words));
    if (!isMade) process.stdout.write(`${path} already exists.\n`);
    return isMade ? 0 : 1;
  },
});
