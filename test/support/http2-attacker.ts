/** HTTP/2 frames written by hand into a socket (RFC 9113, section 6), for clients that break the rules or wear them out. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';

const types = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flags = { endStream: 1, ack: 1, endHeaders: 4 } as const;

export function frame(
  type: keyof typeof types,
  { flags: flag = 0, stream = 0, body = Buffer.alloc(0) }: { flags?: number; stream?: number; body?: Uint8Array } = {},
): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head.writeUInt8(types[type], 3);
  head.writeUInt8(flag, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** A header field without compression or indexing (RFC 7541, section 6.2.2). */
export function headerField(name: string, value: string | Buffer): Buffer {
  return Buffer.concat([Buffer.of(0), hpackText(Buffer.from(name)), hpackText(Buffer.from(value))]);
}

/** A whole request, which may be followed by DATA. */
export function openStream(stream: number, path: string | Buffer, more: readonly Buffer[] = []): Buffer {
  const fields = [
    headerField(':method', 'POST'),
    headerField(':scheme', 'http'),
    headerField(':authority', 'xds'),
    headerField(':path', path),
    headerField('content-type', 'application/grpc'),
    headerField('te', 'trailers'),
    ...more,
  ];
  return frame('headers', { flags: flags.endHeaders, stream, body: Buffer.concat(fields) });
}

function hpackText(text: Buffer): Buffer {
  if (text.length < 127) return Buffer.concat([Buffer.of(text.length), text]);
  const length = [127];
  let rest = text.length - 127;
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
  return Buffer.concat([Buffer.of(...length, rest), text]);
}

export const preface = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame('settings')]);

export class Attacker {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  /** Bytes that the server has sent. */
  received = 0;

  /** @param reads whether it takes what it is sent */
  constructor(port: number, reads = true) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => void this.socket.once('close', () => resolve()));
    if (reads) this.socket.on('data', (bytes) => (this.received += bytes.length));
  }

  /** Fulfilled when the system has taken the bytes, or the connection is gone. */
  async send(...frames: readonly Uint8Array[]): Promise<void> {
    const { socket } = this;
    if (socket.destroyed) return;
    if (socket.write(Buffer.concat(frames))) return;
    await Promise.race([new Promise((resolve) => void socket.once('drain', resolve)), this.closed]);
  }

  /** Sends the same again and again; ends early when the connection is gone. */
  async flood(bytes: Uint8Array, times: number): Promise<void> {
    const perWrite = Math.max(1, Math.floor(65_536 / bytes.length));
    const block = Buffer.concat(Array.from({ length: perWrite }, () => bytes));
    for (let sent = 0; sent < times && !this.socket.destroyed; sent += perWrite) await this.send(block);
  }

  end(): void {
    this.socket.destroy();
  }
}
