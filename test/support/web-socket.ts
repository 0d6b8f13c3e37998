/** A WebSocket over TLS, as far as a test needs one that stays open: the upgrade, and bytes that come back. */
import { connect, type TLSSocket } from 'node:tls';

export interface OpenSocket {
  readonly host: string;
  isOpen(): boolean;
  /** Sends the text, and is fulfilled when it has come back. Throws when the connection is or gets closed. */
  echo(text: string): Promise<void>;
  close(): void;
}

/** Throws when the connection breaks before the upgrade is answered with 101. */
export async function openWebSocket(port: number, host: string): Promise<OpenSocket> {
  const socket = connect({ port, host: '127.0.0.1', servername: host, rejectUnauthorized: false });
  let received = '';
  let isOpen = true;
  socket.setEncoding('utf8').on('data', (text: string) => (received += text));
  socket.on('error', () => socket.destroy());
  socket.on('close', () => (isOpen = false));
  const arrives = (text: string): Promise<void> =>
    new Promise((fulfil, reject) => {
      const look = (): void => {
        if (received.includes(text)) settle(fulfil);
      };
      const fail = (): void => settle(() => reject(new Error(`${host} closed; it had answered: ${received}`)));
      const settle = (act: () => void): void => {
        socket.off('data', look);
        socket.off('close', fail);
        act();
      };
      socket.on('data', look);
      socket.once('close', fail);
      if (socket.destroyed) fail();
      else look();
    });
  upgrade(socket, host);
  await arrives('HTTP/1.1 101');
  return {
    host,
    isOpen: () => isOpen,
    echo: (text) => {
      socket.write(text);
      return arrives(text);
    },
    close: () => socket.destroy(),
  };
}

/** RFC 6455, section 4.1. */
function upgrade(socket: TLSSocket, host: string): void {
  const key = Buffer.from('sixteen bytes ok').toString('base64');
  const lines = [
    'GET / HTTP/1.1',
    `Host: ${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
}
