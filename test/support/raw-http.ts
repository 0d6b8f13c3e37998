/** Requests byte by byte, as no HTTP library would send them. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface RawExchange {
  readonly port: number;
  readonly bytes: string | Buffer;
  /** Speaks TLS, and names a server. */
  readonly serverName?: string;
  /** Milliseconds until what has come is taken for all; 2,000 when left out. */
  readonly within?: number;
  /** Ends the reading early; with the first answer when left out. */
  readonly until?: (text: string) => boolean;
}

/** Everything that comes back until the server closes the connection, `until` is content, or time is up. */
export function rawExchange({
  port,
  bytes,
  serverName,
  within = 2_000,
  until = isWhole,
}: RawExchange): Promise<string> {
  return new Promise((fulfil) => {
    const chunks: Buffer[] = [];
    const text = (): string => Buffer.concat(chunks).toString('latin1');
    const socket =
      serverName === undefined
        ? connect(port, '127.0.0.1', () => socket.write(bytes))
        : connectTls({ port, host: '127.0.0.1', servername: serverName, rejectUnauthorized: false }, () =>
            socket.write(bytes),
          );
    const timer = setTimeout(() => socket.destroy(), within);
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (until(text())) socket.destroy();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(timer);
      fulfil(text());
    });
  });
}

/** Whether the first answer is there, by its length if it says one. */
function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const [head, body] = [text.slice(0, end), text.slice(end + 4)];
  const length = /^content-length: (\d+)$/im.exec(head)?.[1];
  if (length !== undefined) return body.length >= Number(length);
  return !/^transfer-encoding:/im.test(head) || body.endsWith('0\r\n\r\n');
}

/** The status of the first answer; 0 when there is none. */
export function statusOf(text: string): number {
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0);
}
