/**
 * Which regular expressions Envoy's RE2 takes, and how large a program it makes of them: a parser of the part of the syntax
 * that is understood here for sure (https://github.com/google/re2/wiki/Syntax). No expression is ever run.
 */

/** What the bootstrap allows the programs of expressions (`re2.max_program_size.error_level`), in instructions. */
export const mostInstructions = 32_768;

const longest = 32_768;

interface Verdict {
  /** The end of a sentence that begins with the expression. */
  readonly fault: string | undefined;
  /** At least as many instructions as the program has. */
  readonly size: number;
  /** How many groups can be referred to. */
  readonly groups: number;
}

/** Most expressions are alike; this is forgotten as a whole when it has grown too large. */
const known = new Map<string, Verdict>();
const mostKnown = 10_000;

export function readExpression(text: string): Verdict {
  const found = known.get(text);
  if (found !== undefined) return found;
  const verdict = judge(text);
  if (known.size >= mostKnown) known.clear();
  known.set(text, verdict);
  return verdict;
}

function judge(text: string): Verdict {
  if (text.length > longest) return { fault: `is longer than ${longest} characters`, size: 0, groups: 0 };
  const parser = new ExpressionParser(text);
  try {
    const size = parser.whole() + 4;
    const fault = size > mostInstructions ? tooLarge : undefined;
    return { fault, size, groups: parser.groups };
  } catch (error) {
    if (!(error instanceof ExpressionFault)) throw error;
    if (error.message === tooOften) return { fault: tooOften, size: 0, groups: 0 };
    return { fault: `${error.message}, which Envoy (RE2) refuses or is not known to take`, size: 0, groups: 0 };
  }
}

/** The end of a sentence, as faults are. */
export const tooLarge = 'is too large with its repetitions and classes';

export const tooOften = 'repeats something more than 1,000 times';

class ExpressionFault extends Error {}

/** What a piece of an expression becomes. */
interface Piece {
  readonly size: number;
  /** The largest product of nested repetitions in it. */
  readonly repeats: number;
}

/** RE2's own limits are 1,000 both. */
const mostRepeats = 1_000;
const deepest = 200;

/** What one of these becomes in UTF-8: every first byte with what may follow. */
const wideClass = 40;

class ExpressionParser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  readonly #names = new Set<string>();
  groups = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): number {
    const { size } = this.#alternatives();
    if (this.#at < this.#text.length) throw new ExpressionFault('closes a group that is not open');
    return size;
  }

  #alternatives(): Piece {
    let all = this.#sequence();
    while (this.#take('|')) {
      const next = this.#sequence();
      all = { size: all.size + next.size + 1, repeats: Math.max(all.repeats, next.repeats) };
    }
    return all;
  }

  #sequence(): Piece {
    let size = 1;
    let repeats = 1;
    while (this.#at < this.#text.length && !this.#sees('|') && !this.#sees(')')) {
      const piece = this.#repeated();
      size += piece.size;
      repeats = Math.max(repeats, piece.repeats);
    }
    return { size, repeats };
  }

  #repeated(): Piece {
    if (/[*+?{]/.test(this.#peek())) throw new ExpressionFault(`repeats nothing with "${this.#peek()}"`);
    const isAssertion = /^(?:\^|\$|\\[bB])/.test(this.#text.slice(this.#at, this.#at + 2));
    const piece = this.#atom();
    const repeated = this.#quantified(piece);
    if (repeated === undefined) return piece;
    if (isAssertion) throw new ExpressionFault('repeats what matches no character');
    this.#take('?');
    if (/[*+?{]/.test(this.#peek())) throw new ExpressionFault('repeats a repetition');
    return repeated;
  }

  #quantified(piece: Piece): Piece | undefined {
    if (this.#take('*') || this.#take('+') || this.#take('?')) return { ...piece, size: piece.size + 2 };
    if (!this.#sees('{')) return undefined;
    const [written, low = '', comma, high = ''] = /^\{(\d{1,4})(,?)(\d{0,4})\}/.exec(this.#ahead(12)) ?? [];
    if (written === undefined || (comma === '' && high !== ''))
      throw new ExpressionFault('holds a "{" that stands for itself');
    this.#at += written.length;
    const least = Number(low);
    const most = comma === '' ? least : high === '' ? Math.max(least, 1) + 1 : Number(high);
    if (high !== '' && most < least) throw new ExpressionFault(`repeats ${written}, from more to less`);
    const repeats = piece.repeats * Math.max(1, comma !== '' && high === '' ? least : most);
    if (repeats > mostRepeats) throw new ExpressionFault(tooOften);
    return { size: Math.max(1, most) * (piece.size + 1) + 2, repeats };
  }

  #atom(): Piece {
    if (this.#take('(')) return this.#group();
    if (this.#take('[')) return one(this.#characterClass());
    if (this.#take('.')) return one(wideClass);
    if (this.#take('^') || this.#take('$')) return one(1);
    if (this.#sees('\\')) return one(this.#escape().size);
    if (this.#sees(']') || this.#sees('}'))
      throw new ExpressionFault(`holds a "${this.#peek()}" that stands for itself`);
    return one(sizeOf(this.#character()));
  }

  #group(): Piece {
    this.#depth += 1;
    if (this.#depth > deepest) throw new ExpressionFault('has too many groups within groups');
    const [options] = /^\?[is]{1,2}\)/.exec(this.#ahead(4)) ?? [];
    if (options !== undefined) {
      this.#at += options.length;
      this.#depth -= 1;
      if (/[*+?{]/.test(this.#peek())) throw new ExpressionFault('repeats an option');
      return one(0);
    }
    const [opening = ''] = /^\?(?:[is]{0,2}:|P?<([A-Za-z_]\w{0,60})>)/.exec(this.#ahead(70)) ?? [];
    const name = /<(.*)>/.exec(opening)?.[1];
    if (opening === '' && this.#sees('?')) throw new ExpressionFault('holds a group that looks around or sets options');
    if (name !== undefined && this.#names.has(name)) throw new ExpressionFault(`has two groups of the name ${name}`);
    if (name !== undefined) this.#names.add(name);
    if (opening === '' || name !== undefined) this.groups += 1;
    this.#at += opening.length;
    const { size, repeats } = this.#alternatives();
    if (!this.#take(')')) throw new ExpressionFault('leaves a group open');
    this.#depth -= 1;
    return { size: size + 2, repeats };
  }

  #characterClass(): number {
    const isNegated = this.#take('^');
    if (this.#sees(']')) throw new ExpressionFault('holds an empty class of characters');
    let size = isNegated ? wideClass : 1;
    while (!this.#take(']')) {
      if (this.#at >= this.#text.length) throw new ExpressionFault('leaves a class of characters open');
      size += this.#classItem() + (isNegated ? 10 : 0);
    }
    return size;
  }

  #classItem(): number {
    const low = this.#classMember();
    if (!this.#sees('-') || this.#ahead(2) === '-]') return low.size;
    this.#at += 1;
    const high = this.#classMember();
    if (low.code === undefined || high.code === undefined)
      throw new ExpressionFault('has a range that begins or ends with a class');
    if (high.code < low.code) throw new ExpressionFault('has a range that ends before it begins');
    return high.code < 0x80 ? 2 : wideClass;
  }

  #classMember(): Member {
    if (this.#at >= this.#text.length) throw new ExpressionFault('leaves a class of characters open');
    if (this.#sees('[') && /^\[[:.=]/.test(this.#ahead(2)))
      throw new ExpressionFault('holds a POSIX class of characters');
    if (this.#sees('\\')) {
      const member = this.#escape();
      if (member.isAssertion === true) throw new ExpressionFault('holds \\b or \\B in a class of characters');
      return member;
    }
    const character = this.#character();
    return { size: sizeOf(character), code: character.codePointAt(0) };
  }

  #escape(): Member {
    this.#at += 1;
    if (this.#at >= this.#text.length) throw new ExpressionFault('ends with a backslash');
    const character = this.#character();
    if (/[dws]/.test(character)) return { size: 4, code: undefined };
    if (/[DWS]/.test(character)) return { size: wideClass, code: undefined };
    if (/[bB]/.test(character)) return { size: 1, code: undefined, isAssertion: true };
    const control = '\t\n\r\f\v'['tnrfv'.indexOf(character)];
    if (/[tnrfv]/.test(character) && control !== undefined) return { size: 1, code: control.codePointAt(0) };
    if (character === 'x') {
      const [, digits] = /^([0-9a-fA-F]{2})/.exec(this.#ahead(2)) ?? [];
      if (digits === undefined) throw new ExpressionFault('holds \\x without two digits');
      this.#at += 2;
      return { size: 4, code: Number.parseInt(digits, 16) };
    }
    if (/[a-zA-Z0-9\u0080-\u{10ffff}]/u.test(character)) throw new ExpressionFault(`holds the escape \\${character}`);
    return { size: 1, code: character.codePointAt(0) };
  }

  #character(): string {
    const code = this.#text.codePointAt(this.#at) ?? 0;
    const character = String.fromCodePoint(code);
    this.#at += character.length;
    if (code < 0x20 || code === 0x7f) throw new ExpressionFault('holds a control character');
    if (code >= 0xd800 && code <= 0xdfff) throw new ExpressionFault('holds half a character');
    return character;
  }

  #ahead(length: number): string {
    return this.#text.slice(this.#at, this.#at + length);
  }

  #peek(): string {
    return this.#text[this.#at] ?? '';
  }

  #sees(character: string): boolean {
    return this.#text[this.#at] === character;
  }

  #take(character: string): boolean {
    if (!this.#sees(character)) return false;
    this.#at += 1;
    return true;
  }
}

/** One character, or class of such. */
interface Member {
  readonly size: number;
  /** Undefined for a class. */
  readonly code: number | undefined;
  readonly isAssertion?: true;
}

function one(size: number): Piece {
  return { size, repeats: 1 };
}

/** Where case does not matter, a character beyond ASCII may have three forms of up to four bytes. */
function sizeOf(character: string): number {
  return character < '\u0080' ? 2 : 16;
}
