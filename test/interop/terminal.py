"""A program in a terminal of its own, which is read until it shows what is expected."""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time

# A loaded machine needs some of them.
SECONDS = 120


class Terminal:
    def __init__(self, arguments, **environment):
        self.name = os.path.basename(arguments[0])
        self.seen = b''
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.environ.update(LC_ALL='C.UTF-8', **environment)
            os.execv(arguments[0], arguments)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 30, 100, 0, 0))

    def wait_for(self, pattern):
        """Reads what is drawn until it matches."""
        until = time.monotonic() + SECONDS
        while not re.search(pattern, self.seen):
            if time.monotonic() > until:
                sys.exit('%s never showed %r:\n%r' % (self.name, pattern, self.seen[-3000:]))
            if select.select([self.terminal], [], [], 0.2)[0]:
                try:
                    drawn = os.read(self.terminal, 65536)
                except OSError:
                    sys.exit('%s ended:\n%r' % (self.name, self.seen[-3000:]))
                self.seen += re.sub(rb'\x1b[\[(][0-9;?]*[A-Za-z]', b'', drawn)

    def press(self, keys, pattern):
        """Presses keys, and waits for what they make it show."""
        self.seen = b''
        os.write(self.terminal, keys)
        self.wait_for(pattern)

    def exit_code(self):
        """Reads to the end."""
        try:
            while os.read(self.terminal, 65536):
                pass
        except OSError:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
