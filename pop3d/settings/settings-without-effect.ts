/**
 * Settings of Courier's pop3d and pop3d-ssl that change nothing here, each with the reason and what to use in its place.
 */
import type { WithoutEffect } from '../../init/runtime/settings/settings-file.js';

const WEBADMIN = "only Courier's webadmin reads it; it may be removed";

/** By name. */
export const settingsWithoutEffect: Readonly<Record<string, WithoutEffect>> = {
  POP3AUTH_ORIG: { reason: WEBADMIN },
  POP3AUTH_TLS_ORIG: { reason: WEBADMIN },
};
