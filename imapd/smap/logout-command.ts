/** LOGOUT of SMAP. */
import { done, type SmapReply } from './replies.js';
import type { SmapSession } from './smap-session.js';

/** The goodbye, in Courier's words. */
export async function logout(smap: SmapSession): Promise<SmapReply> {
  smap.say('* BYE Courier-SMAP server shutting down');
  smap.session.end();
  return done('LOGOUT completed');
}
