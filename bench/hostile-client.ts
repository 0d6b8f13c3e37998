/** The process of the hostile clients, apart from the server, the harness and the good ones, told over IPC what to do to whom. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { typeUrl } from '../src/proto/type-url.ts';
import { adsPaths, requestFrame, requestHeaders } from '../test/support/grpc-frame.ts';

export const attacks = {
  'slow readers': '20 connections that ask for everything and never read',
  floods: '10 connections that send requests without end and never read',
  'wrong nonces': '10 connections that answer without end what was never sent',
  'oversize names': '10 connections that ask in 3.5 MB for names of 5,000 bytes, again and again',
  'many streams': '2,000 streams on 20 connections that ask for everything and answer nothing',
  reconnects: '10 connections that ask for everything, go at once and come back',
} as const;
export type Attack = keyof typeof attacks;

export type ToHostile =
  { readonly kind: 'begin'; readonly attack: Attack; readonly port: number } | { readonly kind: 'end' };
/** `deeds` are requests, streams or connections, whatever the attack is made of. */
export type FromHostile = { readonly kind: 'ready' | 'under-way' } | { readonly kind: 'ended'; readonly deeds: number };

const sessions = new Set<ClientHttp2Session>();
let isOver = false;
let deeds = 0;

function open(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  session.on('close', () => sessions.delete(session));
  sessions.add(session);
  return session;
}

function discover(session: ClientHttp2Session): ClientHttp2Stream {
  const stream = session.request(requestHeaders(adsPaths.delta));
  stream.on('error', () => undefined);
  return stream;
}

const framed = (message: object): Buffer => requestFrame('delta', message);
const node = { id: 'hostile' };
const everything = Buffer.concat(
  Object.values(typeUrl).map((type) => framed({ node, type_url: type, resource_names_subscribe: ['*'] })),
);
const longNames = framed({
  node,
  type_url: typeUrl.cluster,
  resource_names_subscribe: Array.from({ length: 700 }, (_, index) => `${index}${'x'.repeat(5_000)}`),
});

function times(count: number, act: () => void): void {
  for (let index = 0; index < count; index += 1) act();
}

/** Writes as fast as the other side takes it; what is ended is opened again, a stream on its connection as long as there is one. */
function pour(port: number, reads: boolean, next: () => Buffer): void {
  const connectAgain = (): void => {
    if (isOver) return;
    const session = open(port);
    const stir = (): void => {
      if (isOver || session.destroyed || session.closed) return;
      const stream = discover(session);
      if (reads) stream.resume();
      const write = (): void => {
        let hasRoom = true;
        while (hasRoom && !stream.destroyed && !stream.closed) {
          deeds += 1;
          hasRoom = stream.write(next());
        }
      };
      stream.on('drain', () => setImmediate(write));
      stream.on('close', () => setImmediate(stir));
      write();
    };
    session.on('close', () => setImmediate(connectAgain));
    stir();
  };
  connectAgain();
}

function floodRequest(): Buffer {
  const name = `n${deeds % 1_000}`;
  return framed({
    node,
    type_url: typeUrl.cluster,
    resource_names_subscribe: [name],
    resource_names_unsubscribe: [name],
  });
}

function comeAndGo(port: number): void {
  const come = (): void => {
    if (isOver) return;
    deeds += 1;
    const session = open(port);
    const stream = discover(session);
    stream.write(everything, () => setImmediate(() => session.destroy()));
    session.on('close', () => setImmediate(come));
  };
  come();
}

function begin(attack: Attack, port: number): void {
  switch (attack) {
    case 'slow readers':
      return times(20, () => {
        deeds += 1;
        discover(open(port)).write(everything);
      });
    case 'floods':
      return times(10, () => pour(port, false, floodRequest));
    case 'wrong nonces':
      return times(10, () =>
        pour(port, true, () => framed({ node, type_url: typeUrl.cluster, response_nonce: `made up ${deeds}` })),
      );
    case 'oversize names':
      return times(10, () => pour(port, true, () => longNames));
    case 'many streams':
      return times(20, () => {
        const session = open(port);
        times(100, () => {
          deeds += 1;
          const stream = discover(session);
          stream.resume();
          stream.write(everything);
        });
      });
    case 'reconnects':
      return times(10, () => comeAndGo(port));
  }
}

function tell(message: FromHostile): void {
  process.send?.(message);
}

process.on('message', (order: ToHostile) => {
  if (order.kind === 'begin') {
    isOver = false;
    deeds = 0;
    begin(order.attack, order.port);
    // Past the first answers, which a fleet that starts is sent as well.
    setTimeout(() => tell({ kind: 'under-way' }), 2_000);
    return;
  }
  isOver = true;
  for (const session of sessions) session.destroy();
  tell({ kind: 'ended', deeds });
});
process.on('disconnect', () => process.exit(0));
tell({ kind: 'ready' });
