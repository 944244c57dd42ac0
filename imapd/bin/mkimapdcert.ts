/**
 * The program `mkimapdcert`: makes a self-signed certificate in the file of TLS_CERTFILE, unless there is one.
 */
import { runCertificateMaker } from '../../init/runtime/tls/certificate-maker.js';

await runCertificateMaker('mkimapdcert', 'imapd');
