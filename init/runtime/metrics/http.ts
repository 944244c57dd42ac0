/**
 * The HTTP side of the figures: `GET /metrics`, in a login process, which has no rights. It knows no figure: whoever has
 * them is asked for the page.
 */
import { createServer, type Server, type ServerResponse } from 'node:http';

/** A monitoring system asks once in some seconds, over one connection; more are not needed. */
const MAX_CONNECTIONS = 20;
/** A request is there at once; looking for those that are not wakes the process as often. */
const PATIENCE_MS = 5_000;

/** Makes the server; it does not listen yet. */
export function metricsServer(page: () => Promise<string>, patienceMs = PATIENCE_MS): Server {
  const times = { headersTimeout: patienceMs, requestTimeout: patienceMs, connectionsCheckingInterval: patienceMs };
  const options = { ...times, maxHeaderSize: 8_192 };
  const server = createServer(options, (request, response) => {
    response.on('error', () => {});
    if (request.method !== 'GET' && request.method !== 'HEAD') answer(response, 405, 'Only GET is answered here.\n');
    else if (request.url?.replace(/\?.*$/s, '') !== '/metrics') answer(response, 404, 'The figures are at /metrics.\n');
    else {
      page().then(
        (text) => answer(response, 200, text),
        () => answer(response, 503, 'The figures cannot be had now.\n'),
      );
    }
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('clientError', (_error, socket) => socket.destroy());
  return server;
}

function answer(response: ServerResponse, status: number, text: string): void {
  const type = status === 200 ? 'text/plain; version=0.0.4; charset=utf-8' : 'text/plain; charset=utf-8';
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
  response.end(text);
}
