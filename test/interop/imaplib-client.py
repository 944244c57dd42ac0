"""Python's imaplib against a server: PORT starttls|tls USER PASSWORD. Prints one line for each thing it has done."""
import imaplib
import ssl
import sys

port, security, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def must(answer):
    status, data = answer
    assert status == 'OK', answer
    return data


if security == 'tls':
    server = imaplib.IMAP4_SSL('127.0.0.1', port, ssl_context=context)
else:
    server = imaplib.IMAP4('127.0.0.1', port)
    must(server.starttls(context))
must(server.login(user, password))
print('messages', must(server.select('INBOX'))[0].decode())
print('read', b'At noon' in must(server.fetch('1', '(BODY[TEXT])'))[0][1])
print('search', must(server.search(None, 'FROM', '"Ann"'))[0].decode())
print('search text', must(server.uid('SEARCH', 'CHARSET', 'UTF-8', 'BODY', 'October'))[0].decode())
must(server.store('2', '+FLAGS', r'(\Flagged)'))
print('flagged', must(server.search(None, 'FLAGGED'))[0].decode())
must(server.append('INBOX', r'(\Seen)', imaplib.Time2Internaldate(1700000000), b'Subject: mine\r\n\r\nHello.\r\n'))
print('appended', must(server.search(None, 'SUBJECT', 'mine'))[0].decode())
must(server.create('INBOX.Kept'))
must(server.subscribe('INBOX.Kept'))
print('folders', len(must(server.list())))
must(server.uid('MOVE', '2', 'INBOX.Kept'))
must(server.store('1', '+FLAGS', r'(\Deleted)'))
must(server.expunge())
print('left', must(server.select('INBOX'))[0].decode())
print('moved', must(server.select('INBOX.Kept'))[0].decode())
must(server.close())
server.logout()
