// Takes a text of YAML or JSON apart into documents. One that is nested too deeply is left out before it is put together: that is done
// recursively, and where the stack ends, V8 may end the whole process. So is one with more aliases than can be looked up in time.

import { Composer, type CST, type Document, Lexer, LineCounter, Parser } from 'yaml';

/** Of lists and maps in one another. The deepest schemas of Kubernetes have some dozens of levels; the stack ends at several hundred. */
const maxDepth = 200;
/** For each of them the document is searched. */
const maxAliases = 1_000;

export interface YamlText {
  /** In the order of the text; each with its own errors. */
  readonly documents: readonly Document[];
  /** The others. */
  readonly refused: readonly RefusedDocument[];
  /** Of the whole text. */
  readonly lines: LineCounter;
}

export interface RefusedDocument {
  /** Which limit it goes beyond: a sentence without a full stop. */
  readonly message: string;
  readonly fix: string;
  /** Where it does. */
  readonly offset: number;
}

/** Never throws. */
export function readYamlText(text: string): YamlText {
  const refused: RefusedDocument[] = [];
  // Pretty errors quote the text around them, which may be a private key.
  const composer = new Composer({ prettyErrors: false, merge: true, logLevel: 'silent' });
  const documents = [...composer.compose(tokensWithinLimits(text, refused))];
  return { documents, refused, lines: linesOf(text) };
}

/** Notes a document that is beyond a limit, and goes on behind it. */
function* tokensWithinLimits(text: string, refused: RefusedDocument[]): Generator<CST.Token> {
  let number = 1;
  let start: number | undefined = 0;
  while (start !== undefined) {
    const parser: Parser = new Parser();
    parser.offset = start;
    start = undefined;
    let aliases = 0;
    let isText = false;
    for (const lexeme of new Lexer().lex(text.slice(parser.offset))) {
      if (!isText && lexeme.startsWith('*')) aliases += 1;
      isText = lexeme === textFollows;
      for (const token of parser.next(lexeme)) {
        yield token;
        if (token.type === 'document') [number, aliases] = [number + 1, 0];
      }
      const beyond = limitOf(parser.stack, aliases);
      if (beyond === undefined) continue;
      const { message, fix } = beyond;
      refused.push({ message: `Document ${number} ${message}`, fix, offset: parser.offset });
      number += 1;
      start = nextDocument(text, parser.offset);
      parser.stack = [];
      break;
    }
    yield* parser.end();
  }
}

/** What the lexer says before text that is not quoted. */
const textFollows = '\u001F';

function limitOf(
  stack: readonly CST.Token[],
  aliases: number,
): { readonly message: string; readonly fix: string } | undefined {
  // Beside the levels, the stack holds a document and perhaps a scalar.
  if (stack.length > maxDepth && stack.filter((token) => 'items' in token).length > maxDepth) {
    return {
      message: `is nested deeper than ${maxDepth} levels`,
      fix: 'Nest it less; no object of Kubernetes needs as much',
    };
  }
  if (aliases > maxAliases) return { message: `has more than ${maxAliases} aliases`, fix: 'Write them out' };
  return undefined;
}

/** Nothing but the beginning of a document begins a line like this, wherever it stands. */
function nextDocument(text: string, from: number): number | undefined {
  const marker = /(?<=\n)---(?=\s|$)/g;
  marker.lastIndex = from;
  return marker.exec(text)?.index;
}

function linesOf(text: string): LineCounter {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', end + 1)) lines.addNewLine(end + 1);
  return lines;
}
