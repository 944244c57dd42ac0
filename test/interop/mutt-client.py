"""mutt in a terminal of its own: MUTTRC. Reads the first message, flags the second, moves the third, deletes the first."""
import os
import pty
import re
import select
import struct
import sys
import termios
import fcntl
import time

SECONDS = 30
seen = b''


def wait_for(pattern):
    """Reads what mutt draws until it matches."""
    global seen
    until = time.monotonic() + SECONDS
    while not re.search(pattern, seen):
        if time.monotonic() > until:
            sys.exit('mutt never showed %r:\n%r' % (pattern, seen[-3000:]))
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                seen += os.read(terminal, 65536)
            except OSError:
                sys.exit('mutt ended:\n%r' % seen[-3000:])


def press(keys, pattern):
    global seen
    seen = b''
    os.write(terminal, keys)
    wait_for(pattern)


child, terminal = pty.fork()
if child == 0:
    os.environ.update(TERM='vt100', LC_ALL='C.UTF-8', HOME=os.path.dirname(sys.argv[1]))
    os.execv('/usr/bin/mutt', ['mutt', '-n', '-F', sys.argv[1]])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 30, 100, 0, 0))
wait_for(rb'Report')
press(b'1\n\n', rb'At noon')
print('read')
press(b'q', rb'Report')
press(b'2\nF', rb'!')
print('flagged')
press(b'3\ns=INBOX.Archive\n', rb'(?s)3.*')
press(b'1\nd', rb'D')
press(b'q', rb'(?s).*')
try:
    while os.read(terminal, 65536):
        pass
except OSError:
    pass
print('exit', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
