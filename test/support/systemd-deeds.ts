/**
 * What the restrictions of our units forbid, as a script that tries it.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkoutRoot } from './paths.js';

/** Tries what a service may not do. Each line prints the name of a directive, and whether its deed was possible. */
export const DEEDS = `
try() { name=$1; shift; if "$@" >/dev/null 2>&1; then echo "$name possible"; else echo "$name refused"; fi; }
socket() { python3 -c "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)"; }
try ProtectSystem sh -c 'touch /usr/probe && touch /boot/probe'
try PrivateTmp test -e /tmp/probe
try PrivateDevices test -e /dev/probe
try ProtectHostname hostname probe
try ProtectKernelLogs dmesg
try ProtectKernelModules test -e /usr/lib/modules/probe
try ProtectControlGroups sh -c 'mkdir /sys/fs/cgroup/probe && rmdir /sys/fs/cgroup/probe'
try LockPersonality setarch -R true
try RestrictNamespaces unshare --user true
try RestrictRealtime chrt -f 1 true
try RestrictSUIDSGID sh -c 'touch /var/lib/probe && chmod u+s /var/lib/probe'
try RestrictAddressFamilies socket
try SystemCallFilter sh -c 'mount -t tmpfs tmpfs /media && umount /media'
try NoNewPrivileges grep -q 'NoNewPrivs:.*0' /proc/self/status
try CapabilityBoundingSet sh -c 'touch /var/lib/probe && chattr +i /var/lib/probe && chattr -i /var/lib/probe'
try LimitCORE sh -c 'ulimit -c unlimited'
try writing touch /var/mail/probe
`;

/** The lines of a unit that restrict its service, and no others. */
export function restrictionsOf(unit: string): string {
  const text = readFileSync(join(checkoutRoot, 'init', 'systemd', unit), 'utf8');
  const [, service = ''] = text.split('[Service]\n');
  const pattern = /^(NoNew|Capability|Protect|Private|Lock|Restrict(?!art)|SystemCall|Keyring|Limit)\w+=/;
  return service
    .split('\n')
    .filter((line) => pattern.test(line) && !line.startsWith('RestartPrevent'))
    .join('\n');
}
