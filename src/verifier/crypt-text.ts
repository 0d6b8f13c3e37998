/** The hashes of crypt(3) that are made of rounds of a digest: apr1 and MD5, and SHA-256 and SHA-512 (Drepper, 2008). */
import { createHash } from 'node:crypto';

const alphabet = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** So many rounds run before others get their turn. */
const roundsAtOnce = 2000;

type Algorithm = 'md5' | 'sha256' | 'sha512';

function digest(algorithm: Algorithm, parts: readonly Uint8Array[]): Buffer {
  const hash = createHash(algorithm);
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function repeat(bytes: Buffer, length: number): Buffer {
  return Buffer.alloc(length, bytes);
}

async function pause(): Promise<void> {
  await new Promise((fulfil) => setImmediate(fulfil));
}

/** `magic` is `$apr1$` or `$1$`; the result is the whole text, as in a file of htpasswd. */
export async function md5Crypt(magic: string, password: Buffer, salt: string): Promise<string> {
  const saltBytes = Buffer.from(salt.slice(0, 8), 'latin1');
  const inner = digest('md5', [password, saltBytes, password]);
  const bits: Buffer[] = [];
  for (let left = password.length; left > 0; left >>= 1) {
    bits.push((left & 1) === 1 ? Buffer.from([0]) : password.subarray(0, 1));
  }
  const start = [password, Buffer.from(magic, 'latin1'), saltBytes, repeat(inner, password.length), ...bits];
  let state = digest('md5', start);
  for (let round = 0; round < 1000; round++) {
    state = digest('md5', mixed(round, state, password, saltBytes));
  }
  await pause();
  const order = [0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 5];
  return `${magic}${saltBytes.toString('latin1')}$${encode(state, order)}${encodeGroup(state[11] ?? 0, 2)}`;
}

/** `id` is 5 for SHA-256 and 6 for SHA-512. */
export async function shaCrypt(id: '5' | '6', password: Buffer, salt: string, rounds: number): Promise<Buffer> {
  const algorithm = id === '5' ? 'sha256' : 'sha512';
  const saltBytes = Buffer.from(salt.slice(0, 16), 'latin1');
  const inner = digest(algorithm, [password, saltBytes, password]);
  const bits: Buffer[] = [];
  for (let left = password.length; left > 0; left >>= 1) bits.push((left & 1) === 1 ? inner : password);
  let state = digest(algorithm, [password, saltBytes, repeat(inner, password.length), ...bits]);
  const passwords = repeat(
    digest(
      algorithm,
      Array.from({ length: password.length }, () => password),
    ),
    password.length,
  );
  const salts = Array.from({ length: 16 + (state[0] ?? 0) }, () => saltBytes);
  const saltSequence = repeat(digest(algorithm, salts), saltBytes.length);
  for (let round = 0; round < rounds; round++) {
    state = digest(algorithm, mixed(round, state, passwords, saltSequence));
    // oxlint-disable-next-line no-await-in-loop -- one round needs the one before
    if (round % roundsAtOnce === roundsAtOnce - 1) await pause();
  }
  return state;
}

export function encodeSha(id: '5' | '6', state: Buffer): string {
  const isShort = id === '5';
  const order: number[] = [];
  let group: readonly [number, number, number] = isShort ? [0, 10, 20] : [0, 21, 42];
  for (let count = isShort ? 10 : 21; count > 0; count--) {
    order.push(...group);
    const [a, b, c] = group;
    group = isShort ? [c + 1, a + 1, b + 1] : [b + 1, c + 1, a + 1];
  }
  const last = isShort ? encodeGroup(((state[31] ?? 0) << 8) | (state[30] ?? 0), 3) : encodeGroup(state[63] ?? 0, 2);
  return `${encode(state, order)}${last}`;
}

/** What goes into one round. */
function mixed(round: number, state: Buffer, password: Buffer, salt: Buffer): readonly Buffer[] {
  const isOdd = round % 2 === 1;
  return [
    isOdd ? password : state,
    ...(round % 3 === 0 ? [] : [salt]),
    ...(round % 7 === 0 ? [] : [password]),
    isOdd ? state : password,
  ];
}

/** Three bytes each time, as four characters. */
function encode(bytes: Buffer, order: readonly number[]): string {
  let text = '';
  for (let index = 0; index < order.length; index += 3) {
    const [a, b, c] = [0, 1, 2].map((offset) => bytes[order[index + offset] ?? 0] ?? 0);
    text += encodeGroup(((a ?? 0) << 16) | ((b ?? 0) << 8) | (c ?? 0), 4);
  }
  return text;
}

function encodeGroup(bits: number, characters: number): string {
  let text = '';
  for (let left = characters, rest = bits; left > 0; left--, rest >>= 6) text += alphabet[rest & 63] ?? '';
  return text;
}
