/** What clients may cost the server, each by itself and all together; docs/xds-security.md says what is answered beyond it. */

export interface ServerLimits {
  /** Open connections: in all, from one address, and with one name in the client certificate. */
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly connectionsPerName: number;
  /** TLS handshakes that are under way with one address; further ones wait for these. */
  readonly handshakesPerAddress: number;
  /**
   * Connections that end sooner than `shortMs`: so many from one address are taken in at once, and so many a second from then on; beyond them
   * each waits. None is refused: an Envoy with the same address may be among them.
   */
  readonly shortMs: number;
  readonly shortConnections: number;
  readonly shortPerSecond: number;
  readonly shortDelayMs: number;
  readonly streamsPerConnection: number;
  /** Open discovery streams in all. */
  readonly streams: number;
  /** How long a handshake may take. */
  readonly handshakeMs: number;
  /** How long a connection may be without a stream. */
  readonly idleMs: number;
  /** How long a stream may be without its first request. */
  readonly firstRequestMs: number;
  /** A client that has not read for so long is cut off: it gets the newest state when it comes back. */
  readonly stallMs: number;
  /** How long a response is waited for to be answered before the next is sent, and a client that comes back to name its types. */
  readonly answerMs: number;
  /** After how long it is told that a client leaves a response unanswered. */
  readonly unansweredMs: number;
  /** How often a client is asked for a sign of life, how long it may take to give it, and how long a connection may then be silent. */
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly silenceMs: number;
  /** How long a client may keep a connection open that the server has ended. */
  readonly farewellMs: number;
  /** One request. Grows with what is served, because clients that come back name all they have. */
  readonly messageBytes: number;
  readonly nodeBytes: number;
  /** One resource name, as it is in UTF-8. */
  readonly nameBytes: number;
  /** Names of one type on one stream; or twice as many as there are resources. */
  readonly names: number;
  /** Names that clients ask for and that nothing has, in all. */
  readonly unknownNames: number;
  /** Resources in one answer of the client status service. */
  readonly statusEntries: number;
  /** Time on the server that the requests of one connection may take at once, and of each second from then on. */
  readonly burstMs: number;
  readonly shareMs: number;
  /** What receiving costs before a request can be read, in the same time. */
  readonly receiveMsPerMegabyte: number;
}

export const defaultServerLimits: ServerLimits = {
  connections: 10_000,
  connectionsPerAddress: 5_000,
  connectionsPerName: 5_000,
  handshakesPerAddress: 64,
  shortMs: 2_000,
  shortConnections: 500,
  shortPerSecond: 20,
  shortDelayMs: 1_000,
  streamsPerConnection: 100,
  streams: 20_000,
  handshakeMs: 10_000,
  idleMs: 10_000,
  firstRequestMs: 10_000,
  stallMs: 30_000,
  answerMs: 2_000,
  unansweredMs: 10_000,
  keepaliveMs: 16_000,
  keepaliveTimeoutMs: 8_000,
  silenceMs: 30_000,
  farewellMs: 5_000,
  messageBytes: 4 * 1024 * 1024,
  nodeBytes: 512 * 1024,
  nameBytes: 4_096,
  names: 100_000,
  unknownNames: 500_000,
  statusEntries: 200_000,
  burstMs: 500,
  shareMs: 100,
  receiveMsPerMegabyte: 1.5,
};

/** Why a connection was refused, as metrics have it. */
export type ConnectionRefusal = 'connections' | 'address' | 'name' | 'certificate' | 'stranger' | 'handshake';
