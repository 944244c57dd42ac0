/**
 * Settings of Courier's imapd and imapd-ssl that change nothing here, each with the reason and what to use in its place.
 */
import type { WithoutEffect } from '../../init/runtime/settings/settings-file.js';

const WEBADMIN = "only Courier's webadmin reads it; it may be removed";

/** By name. A value in `harmless` asks for what is the case anyway. */
export const settingsWithoutEffect: Readonly<Record<string, WithoutEffect>> = {
  IMAP_BROKENUIDV: { reason: 'deleting and renaming folders never waits here' },
  IMAP_CAPABILITY_ORIG: { reason: WEBADMIN },
  IMAP_CAPABILITY_TLS_ORIG: { reason: WEBADMIN },
  IMAP_ENHANCEDIDLE: { reason: 'IDLE always hears of changes at once', harmless: ['0', '1'] },
  IMAP_IDLE_TIMEOUT: {
    reason: 'IDLE hears of changes at once; for signs of life see IMAP_IDLE_HEARTBEAT',
    harmless: ['60'],
  },
  IMAP_ULIMITD: { reason: 'one process serves many sessions; limit the service as a whole, with systemd or cgroups' },
};
