/** Whether a password fits a hash of htpasswd, in any of the forms that ingress-nginx knows. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { compare } from 'bcryptjs';
import { encodeSha, md5Crypt, shaCrypt } from './crypt-text.ts';

/** What would keep a processor busy for minutes is nobody's password. */
const mostRounds = 1_000_000;
const mostBcryptCost = 16;

/** Undefined for a hash of another form. Takes long on purpose, in small steps. */
export async function fits(hash: string, password: Buffer): Promise<boolean | undefined> {
  const braced = /^\{(SHA|SSHA|PLAIN)\}(.*)$/s.exec(hash);
  if (braced !== null) return fitsBraced(braced[1] ?? '', braced[2] ?? '', password);
  const [, bcryptCost] = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash) ?? [];
  if (bcryptCost !== undefined) {
    if (Number(bcryptCost) > mostBcryptCost) return undefined;
    return compare(password.toString('utf8'), hash);
  }
  const [, magic, md5Salt] = /^(\$apr1\$|\$1\$)([^$]{0,8})\$/.exec(hash) ?? [];
  if (magic !== undefined && md5Salt !== undefined) {
    return areEqual(await md5Crypt(magic, password, md5Salt), hash);
  }
  return fitsSha(hash, password);
}

async function fitsSha(hash: string, password: Buffer): Promise<boolean | undefined> {
  const [, id, roundsText, salt = '', found = ''] =
    /^\$([56])\$(?:rounds=(\d{1,9})\$)?([^$]{0,16})\$(.*)$/.exec(hash) ?? [];
  if (id !== '5' && id !== '6') return undefined;
  const rounds = roundsText === undefined ? 5000 : Math.max(1000, Number(roundsText));
  if (rounds > mostRounds) return undefined;
  return areEqual(encodeSha(id, await shaCrypt(id, password, salt, rounds)), found);
}

function fitsBraced(kind: string, value: string, password: Buffer): boolean | undefined {
  if (kind === 'PLAIN') return areEqual(value, password);
  const bytes = Buffer.from(value, 'base64');
  if (kind === 'SHA') return areEqual(bytes, createHash('sha1').update(password).digest());
  const [found, salt] = [bytes.subarray(0, 20), bytes.subarray(20)];
  return areEqual(found, createHash('sha1').update(password).update(salt).digest());
}

/** In a time that does not tell how much of them is equal. */
function areEqual(a: string | Buffer, b: string | Buffer): boolean {
  const [first, second] = [a, b].map((each) => createHash('sha256').update(each).digest());
  return first !== undefined && second !== undefined && timingSafeEqual(first, second);
}
