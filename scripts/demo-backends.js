/** The backends of manifests/quickstart: three small servers that answer who they are and what they were asked. */
import { createServer } from 'node:http';

/** The ports are those of the EndpointSlices in manifests/quickstart. */
const backends = [
  { name: 'web-1', port: 19101 },
  { name: 'web-2', port: 19102 },
  { name: 'api-1', port: 19103 },
];

/**
 * Starts them all or none. Rejects with one line when a port is taken.
 *
 * @returns {Promise<() => void>} what ends them
 */
export async function startDemoBackends() {
  /** @type {import('node:http').Server[]} */
  const servers = [];
  const stop = () => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  };
  try {
    await Promise.all(
      backends.map(({ name, port }) => {
        const server = createServer((request, response) => {
          response.writeHead(200, { 'content-type': 'text/plain' });
          response.end(`${name} answers ${request.method} ${request.url} for ${request.headers.host}\n`);
        });
        servers.push(server);
        return listen(server, port);
      }),
    );
  } catch (error) {
    stop();
    throw error;
  }
  return stop;
}

/**
 * @param {import('node:http').Server} server
 * @param {number} port
 * @returns {Promise<void>}
 */
function listen(server, port) {
  return new Promise((fulfil, reject) => {
    server.once('error', (error) => {
      const reason = /** @type {NodeJS.ErrnoException} */ (error).code === 'EADDRINUSE' ? 'is in use' : error.message;
      reject(
        new Error(
          `port ${port} ${reason}, and the demo backends need it: end what uses it, or serve your own manifests with --dir PATH`,
        ),
      );
    });
    server.listen(port, '127.0.0.1', () => fulfil());
  });
}
