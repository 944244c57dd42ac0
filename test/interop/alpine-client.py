"""alpine: DIRECTORY MAILBOX PASSWORD. Reads the first message, flags the second, deletes the first."""
import os
import sys

from terminal import Terminal

directory, mailbox, password = sys.argv[1:4]
settings = os.path.join(directory, 'pinerc')
with open(settings, 'w') as file:
    file.write('user-domain=example.com\nlast-version-used=9.99z\nsort-key=Arrival\ninbox-path=%s\n' % mailbox)
    file.write('feature-list=quit-without-confirm,expunge-without-confirm,enable-flag-cmd,')
    file.write('disable-password-caching,disable-password-file-saving\n')
alpine = Terminal(['/usr/bin/alpine', '-p', settings, '-i'], TERM='xterm', HOME=directory)
alpine.wait_for(rb'ENTER PASSWORD')
alpine.press(password.encode() + b'\r', rb'Report')
alpine.press(b'1\r', rb'(?s).*')
alpine.press(b'\r', rb'At noon')
print('read')
alpine.press(b'i', rb'Report')
alpine.press(b'2\r', rb'(?s).*')
alpine.press(b'*', rb'(?i)flag')
alpine.press(b'\r', rb'(?s).*')
print('flagged')
alpine.press(b'1\r', rb'(?s).*')
alpine.press(b'd', rb'(?i)delet')
alpine.press(b'q', rb'Alpine finished')
print('exit', alpine.exit_code())
