/**
 * YAML text → tree. Aliases and merge keys (`<<`) are expanded within a budget; what is wrong with a node stays with that node
 * as its `fault`, so that the caller refuses only what contains it.
 */
import { CST, Lexer, parseDocument, Scalar, visit, type Document, type LineCounter, type YAMLError } from 'yaml';
import { TextError } from './text.ts';
import { tooDeep, type Fault, type Tree } from './tree.ts';
import { TreeBuilder } from './treeBuilder.ts';

export interface ParsedYaml {
  /** Null when the text holds nothing. */
  readonly root: Tree | null;
  readonly warnings: readonly Fault[];
}

/** Syntax errors: the whole text is refused. */
export class SyntaxErrors extends Error {
  readonly faults: readonly Fault[];
  constructor(faults: readonly Fault[]) {
    super('not valid YAML');
    this.name = 'SyntaxErrors';
    this.faults = faults;
  }
}

/** Throws SyntaxErrors, or TextError for what is too large or too deep. Bounded in time and memory for any text. */
export function parseYaml(text: string, lines: LineCounter): ParsedYaml {
  gate(text);
  const document = withoutStacks(() =>
    parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false, logLevel: 'error' }),
  );
  if (document.errors.length > 0)
    throw new SyntaxErrors(document.errors.slice(0, maxErrors).map((error) => fault(error, text, document)));
  const root = document.contents === null ? null : new TreeBuilder().build(document.contents);
  return { root, warnings: document.warnings.slice(0, maxErrors).map((warning) => fault(warning, text, document)) };
}

const maxErrors = 3;
const maxTokens = 100_000;
/** Deepest nesting of flow collections, or of block indicators on one line. */
const maxDepth = 50;

/** Stops texts that would take long to parse: the lexer alone is fast and linear, the parser is neither. */
function gate(text: string): void {
  let [offset, depth, onLine, tokens] = [0, 0, 0, 0];
  for (const lexeme of new Lexer().lex(text)) {
    const type = CST.tokenType(lexeme);
    if (type === 'flow-seq-start' || type === 'flow-map-start') depth += 1;
    else if (type === 'flow-seq-end' || type === 'flow-map-end') depth -= 1;
    else if (type === 'newline') onLine = 0;
    else if (type === 'seq-item-ind' || type === 'explicit-key-ind') onLine += 1;
    if (depth > maxDepth || onLine > maxDepth) throw tooDeep(offset);
    tokens += 1;
    if (tokens > maxTokens)
      throw new TextError('too-large', 'the file has too many parts to be a configuration', offset);
    if (type !== 'doc-mode' && type !== 'flow-error-end' && type !== 'scalar') offset += lexeme.length;
  }
}

function fault(error: YAMLError, text: string, document: Document.Parsed): Fault {
  const offset = error.message.includes('quote') ? quoteBefore(error.pos[0], document) : error.pos[0];
  if (error.code === 'MULTIPLE_DOCS') {
    return {
      offset,
      code: 'several-documents',
      message: 'a second document begins (`---`): keep one document in the file',
    };
  }
  if (error.message.includes('call stack')) return { offset, code: 'too-deep', message: tooDeep(offset).message };
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1).split('\n', 1)[0] ?? '';
  const quote = /[[{].*\$\{/.test(line) ? 'put values with `${…}` in quotes between brackets' : undefined;
  const hint = quote ?? hints[error.code] ?? '';
  // The text that follows could be a secret.
  const said = error.message
    .replace(/: ".*$/s, '')
    .replace(/\s+/g, ' ')
    .replace(/\.$/, '')
    .slice(0, 200);
  return {
    offset,
    code: 'yaml-syntax',
    message: `${error.name === 'YAMLWarning' ? 'odd' : 'not valid'} YAML: ${said}${hint === '' ? '' : `; ${hint}`}`,
  };
}

/** A quote that is missing is missed at the end of the text: what helps is where the quoted text begins. */
function quoteBefore(end: number, document: Document.Parsed): number {
  let start = end;
  visit(document, {
    Scalar: (_, node) => {
      const quoted = node.type === Scalar.QUOTE_DOUBLE || node.type === Scalar.QUOTE_SINGLE;
      const [from, to] = node.range ?? [end, end];
      if (quoted && from < end && to >= end) start = from;
    },
  });
  return start;
}

const hints: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'use spaces',
  BAD_INDENT: 'align it with its neighbours',
  MISSING_CHAR: 'is a closing quote or bracket, or a `:`, missing?',
  BLOCK_AS_IMPLICIT_KEY: 'put values that contain `: ` in quotes',
  MULTILINE_IMPLICIT_KEY: 'is a `:` missing after a key, or a closing quote?',
};

/** The parser makes an error object for every complaint; their stacks cost more than the parse. */
function withoutStacks<T>(work: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    return work();
  } finally {
    Error.stackTraceLimit = limit;
  }
}
