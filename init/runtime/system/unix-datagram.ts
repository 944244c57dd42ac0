/**
 * Datagrams to a Unix socket, which Node itself cannot send: for syslog and for systemd's readiness messages.
 *
 * Sending never blocks and never throws. It knows neither of the two.
 */
import koffi from 'koffi';

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC_NONBLOCK = 2 | 0o2000000 | 0o4000;
const MSG_DONTWAIT_NOSIGNAL = 0x4040;
/** Size of struct sockaddr_un in glibc. */
const ADDRESS_OCTETS = 110;

/**
 * Opens a socket for datagrams to `path` (`@name` is an abstract one). The function that is returned sends one, and
 * says whether it was taken.
 */
export function unixDatagram(path: string): (text: string) => boolean {
  const libc = koffi.load('libc.so.6');
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const sendto = libc.func(
    'long sendto(int fd, const void *data, size_t n, int flags, const void *address, unsigned int size)',
  );
  const fd = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC_NONBLOCK, 0) as number;
  const address = Buffer.alloc(ADDRESS_OCTETS);
  const isAbstract = path.startsWith('@');
  address.writeUInt16LE(AF_UNIX, 0);
  const length = 2 + address.write(path, 2, ADDRESS_OCTETS - 3) + (isAbstract ? 0 : 1);
  if (isAbstract) address[2] = 0;
  return (text) => {
    const octets = Buffer.from(text);
    return sendto(fd, octets, octets.length, MSG_DONTWAIT_NOSIGNAL, address, length) === octets.length;
  };
}
