/** The few DER values (X.690) that an X.509 certificate consists of. */

export type Der = Uint8Array;

/** A value with this tag and these content octets. */
export function bytes(tag: number, ...content: readonly number[]): Der {
  return Uint8Array.of(tag, ...length(content.length), ...content);
}

export function sequence(...parts: readonly Der[]): Der {
  return bytes(0x30, ...Buffer.concat(parts));
}

export function set(...parts: readonly Der[]): Der {
  return bytes(0x31, ...Buffer.concat(parts));
}

/** An explicit tag of the context class. */
export function context(number: number, content: Der): Der {
  return bytes(0xa0 + number, ...content);
}

/** An integer from its big-endian octets, whose first bit must be 0 for a positive number. */
export function integer(value: Uint8Array): Der {
  return bytes(0x02, ...value);
}

export function truth(value: boolean): Der {
  return bytes(0x01, value ? 0xff : 0x00);
}

/** A bit string of whole octets. */
export function bits(value: Uint8Array): Der {
  return bytes(0x03, 0, ...value);
}

export function octets(value: Uint8Array): Der {
  return bytes(0x04, ...value);
}

export function utf8(value: string): Der {
  return bytes(0x0c, ...Buffer.from(value));
}

export function oid(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return bytes(0x06, 40 * first + second, ...rest.flatMap(base128));
}

/** RFC 5280, section 4.1.2.5: two digits of the year up to 2049, four from 2050 on. */
export function time(date: Date): Der {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  const twoDigits = date.getUTCFullYear() >= 1950 && date.getUTCFullYear() < 2050;
  return twoDigits ? bytes(0x17, ...Buffer.from(digits.slice(2))) : bytes(0x18, ...Buffer.from(digits));
}

function length(count: number): readonly number[] {
  if (count < 0x80) return [count];
  const octetsOfCount = count < 0x100 ? [count] : [count >> 8, count & 0xff];
  return [0x80 + octetsOfCount.length, ...octetsOfCount];
}

function base128(value: number): readonly number[] {
  const digits = [value & 0x7f];
  for (let rest = value >> 7; rest > 0; rest >>= 7) digits.unshift((rest & 0x7f) | 0x80);
  return digits;
}
