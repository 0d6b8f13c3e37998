/** A DNS server for a test, which knows what the test tells it. */
import { createSocket } from 'node:dgram';

export interface NameServer {
  readonly port: number;
  close(): Promise<void>;
}

/** @param addresses IPv4 addresses by name, in lower case; other names do not exist. */
export async function startNameServer(addresses: Readonly<Record<string, string>>): Promise<NameServer> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => socket.send(answer(query, addresses), from.port, from.address));
  await new Promise<void>((fulfil) => socket.bind(0, '127.0.0.1', fulfil));
  return {
    port: socket.address().port,
    close: () => new Promise((fulfil) => socket.close(() => fulfil())),
  };
}

/** RFC 1035, section 4.1: header, the question as it came, and one record that points back to its name. */
function answer(query: Buffer, addresses: Readonly<Record<string, string>>): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const question = query.subarray(12, at + 5);
  const address = addresses[labels.join('.').toLowerCase()];
  const hasAddress = address !== undefined && query.readUInt16BE(at + 1) === 1;
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(address === undefined ? 0x8183 : 0x8180, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(hasAddress ? 1 : 0, 6);
  if (!hasAddress) return Buffer.concat([header, question]);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...address.split('.').map(Number)]);
  return Buffer.concat([header, question, record]);
}
