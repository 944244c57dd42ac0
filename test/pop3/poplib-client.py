"""Python's poplib against a server: PORT starttls|tls USER PASSWORD. Prints one line for each thing it has done."""
import poplib
import ssl
import sys

port, security, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE

if security == 'tls':
    server = poplib.POP3_SSL('127.0.0.1', port, context=context)
else:
    server = poplib.POP3('127.0.0.1', port)
    assert 'STLS' in server.capa()
    server.stls(context)
    assert 'STLS' not in server.capa()

server.user(user)
server.pass_(password)
print('messages', *server.stat())
print('sizes', *[line.decode() for line in server.list()[1]])
ids = [line.decode().split()[1] for line in server.uidl()[1]]
print('ids', len(set(ids)))
message = b'\r\n'.join(server.retr(2)[1]) + b'\r\n'
print('octets', len(message), 'October' in message.decode())
print('top', len(server.top(1, 0)[1]))
server.utf8()
server.dele(1)
server.rset()
server.noop()
server.dele(3)
print('left', *server.stat())
server.quit()
