/** Configuration of nginx as directives, so that each line of a snippet can be judged by itself. */

export interface Directive {
  readonly name: string;
  readonly args: readonly string[];
  /** What stands between its braces; undefined without such. That of Lua is not read. */
  readonly block?: readonly Directive[];
}

/** The directives of a text; undefined where it is not well-formed, so that nginx would refuse it. */
export function parseNginxConfig(text: string): readonly Directive[] | undefined {
  const reader = { text, at: 0 };
  const directives = readBlock(reader);
  return directives === undefined || reader.at < text.length ? undefined : directives;
}

interface Reader {
  readonly text: string;
  at: number;
}

/** Up to the brace that closes the block, or the end of the text. */
function readBlock(reader: Reader): readonly Directive[] | undefined {
  const directives: Directive[] = [];
  for (;;) {
    skipSpace(reader);
    if (reader.at >= reader.text.length || reader.text[reader.at] === '}') return directives;
    const directive = readDirective(reader);
    if (directive === undefined) return undefined;
    directives.push(directive);
  }
}

function readDirective(reader: Reader): Directive | undefined {
  const name = readWord(reader);
  if (name === undefined) return undefined;
  const args = name === 'if' ? readCondition(reader) : readArguments(reader);
  const end = reader.text[reader.at];
  reader.at += 1;
  if (args === undefined || end === undefined || end === '}') return undefined;
  if (end === ';') return { name, args };
  if (name.endsWith('_by_lua_block')) return skipLua(reader) ? { name, args, block: [] } : undefined;
  const block = readBlock(reader);
  const isClosed = reader.text[reader.at] === '}';
  reader.at += 1;
  return block !== undefined && isClosed ? { name, args, block } : undefined;
}

function readArguments(reader: Reader): readonly string[] | undefined {
  const args: string[] = [];
  for (;;) {
    skipSpace(reader);
    const next = reader.text[reader.at];
    if (next === undefined || /[;{}]/.test(next)) return args;
    const word = readWord(reader);
    if (word === undefined) return undefined;
    args.push(word);
  }
}

/** All between the parentheses, as one text with its quotes. */
function readCondition(reader: Reader): readonly string[] | undefined {
  const rest = /^\s*\(((?:"(?:\\[^]|[^"\\])*"|'(?:\\[^]|[^'\\])*'|[^"'{};])*)\)\s*(?=\{)/.exec(
    reader.text.slice(reader.at),
  );
  if (rest === null) return undefined;
  reader.at += rest[0].length;
  return [(rest[1] ?? '').trim()];
}

/** Quotes and backslashes before quotes are gone; `${name}` is part of a word. */
function readWord(reader: Reader): string | undefined {
  const rest = reader.text.slice(reader.at);
  const quoted = /^(?:"((?:\\[^]|[^"\\])*)"|'((?:\\[^]|[^'\\])*)')(?=[\s;{}]|$)/.exec(rest);
  if (quoted !== null) {
    reader.at += quoted[0].length;
    return (quoted[1] ?? quoted[2] ?? '').replaceAll(/\\(["'])/g, '$1');
  }
  const [bare = ''] = /^(?:\\[^]|\$\{\w*\}|[^\s;{}"'\\])+/.exec(rest) ?? [];
  if (bare === '' || !/^(?:[\s;{}]|$)/.test(rest.slice(bare.length))) return undefined;
  reader.at += bare.length;
  return bare;
}

function skipSpace(reader: Reader): void {
  const [space = ''] = /^(?:\s|#[^\n]*)*/.exec(reader.text.slice(reader.at)) ?? [];
  reader.at += space.length;
}

function skipLua(reader: Reader): boolean {
  for (let depth = 1; reader.at < reader.text.length; reader.at += 1) {
    const letter = reader.text[reader.at];
    if (letter === '{') depth += 1;
    if (letter === '}') depth -= 1;
    if (depth === 0) {
      reader.at += 1;
      return true;
    }
  }
  return false;
}
