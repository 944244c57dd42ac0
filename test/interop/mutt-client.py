"""mutt or neomutt: PROGRAM MUTTRC. Reads the first message, flags the second, moves the third, deletes the first."""
import os
import sys

from terminal import Terminal

program, settings = sys.argv[1:3]
mutt = Terminal([program, '-n', '-F', settings], TERM='vt100', HOME=os.path.dirname(settings))
mutt.wait_for(rb'Report')
mutt.press(b'1\n\n', rb'At noon')
print('read')
mutt.press(b'q', rb'Report')
mutt.press(b'2\nF', rb'!')
print('flagged')
mutt.press(b'3\ns=INBOX.Archive\n', rb'(?s)3.*')
mutt.press(b'1\nd', rb'D')
mutt.press(b'q', rb'(?s).*')
print('exit', mutt.exit_code())
