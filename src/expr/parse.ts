/** C's grammar of expressions: text to a syntax tree, which knows no names yet. */
import { ExpressionError } from './error.js';
import type { Place } from './error.js';
import { tokenize } from './tokens.js';
import type { Token } from './tokens.js';

type UnaryOperator = '-' | '+' | '!' | '~' | '*' | '&';

/** Each binds tighter than those before it. */
const binaryLevels = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '>', '<=', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
] as const;

export type BinaryOperator = (typeof binaryLevels)[number][number];

/** What makes another type of one: of an array with so many elements, of a function what it takes. */
type Derivation =
  | { readonly kind: 'pointer' }
  | { readonly kind: 'array'; readonly elements: number }
  | { readonly kind: 'function'; readonly parameters: string };

/** `const char *(*)[4]` is of `char` a pointer, of that an array, and of that a pointer. */
export interface TypeName extends Place {
  readonly tag: 'struct' | 'union' | 'enum' | null;
  /** The tag's name, or what stands there: `u32`, `unsigned long`. */
  readonly base: string;
  /** From the base outwards. */
  readonly derivations: readonly Derivation[];
}

export type Syntax = Place &
  (
    | { readonly type: 'name'; readonly name: string }
    | {
        readonly type: 'integer';
        readonly value: bigint;
        readonly isDecimal: boolean;
        readonly isUnsigned: boolean;
        readonly isLong: boolean;
      }
    | { readonly type: 'string'; readonly bytes: Uint8Array }
    | { readonly type: 'unary'; readonly operator: UnaryOperator; readonly operand: Syntax }
    | {
        readonly type: 'binary';
        readonly operator: BinaryOperator;
        readonly left: Syntax;
        readonly right: Syntax;
        readonly operatorAt: Place;
      }
    | {
        readonly type: 'conditional';
        readonly condition: Syntax;
        readonly yes: Syntax;
        readonly no: Syntax;
      }
    | {
        readonly type: 'member';
        readonly operator: '.' | '->';
        readonly operatorAt: Place;
        readonly object: Syntax;
        readonly name: string;
        readonly nameAt: Place;
      }
    | { readonly type: 'index'; readonly object: Syntax; readonly index: Syntax }
    | { readonly type: 'cast'; readonly to: TypeName; readonly operand: Syntax }
    | { readonly type: 'sizeof'; readonly operand: Syntax }
    | { readonly type: 'sizeofType'; readonly of: TypeName }
    | {
        readonly type: 'call';
        readonly name: string;
        readonly nameAt: Place;
        readonly arguments: readonly Syntax[];
      }
  );

export interface Expression {
  readonly text: string;
  readonly root: Syntax;
  /**
   * Names for which `(name) - x` could also be a cast. They are read as variables; whoever knows
   * better parses once more, with those that are types.
   */
  readonly ambiguous: readonly string[];
}

/** Brackets within brackets in one type's name. */
const mostDerivations = 8;
const mostElements = 1n << 31n;

/** Nesting of brackets and operators, so that no expression overflows anyone's stack. */
const deepest = 200;

/**
 * @param typeNames names that in `(name) - x` are types
 * @throws {ExpressionError}
 */
export function parseExpression(
  text: string,
  typeNames: ReadonlySet<string> = new Set(),
): Expression {
  return new Parser(text, typeNames).parse();
}

const levelOf = new Map<string, number>(
  binaryLevels.flatMap((operators, level) => operators.map((operator) => [operator, level])),
);
const isBinary = (text: string): text is BinaryOperator => levelOf.has(text);
const isUnary = (text: string): text is UnaryOperator => /^[-+!~*&]$/.test(text);
const isTag = (text: string): text is 'struct' | 'union' | 'enum' =>
  text === 'struct' || text === 'union' || text === 'enum';
const isQualifier = (text: string) => /^(?:const|volatile|restrict)$/.test(text);
const isSpecifier = (text: string) =>
  /^(?:unsigned|signed|long|short|int|char|_Bool|bool|void)$/.test(text);

/** Behind `(name)` these can only be what is cast. */
const startsOperand = (token: Token) =>
  token.type === 'name' || token.type === 'integer' || token.type === 'string';

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  readonly #typeNames: ReadonlySet<string>;
  readonly #ambiguous = new Set<string>();
  readonly #heights = new Map<Syntax, number>();
  #next = 0;
  #depth = 0;

  constructor(text: string, typeNames: ReadonlySet<string>) {
    this.#text = text;
    this.#tokens = tokenize(text);
    this.#typeNames = typeNames;
  }

  parse(): Expression {
    if (this.#peek().type === 'end') throw this.#fail('There is no expression.', this.#peek());
    const root = this.#conditional();
    const rest = this.#peek();
    if (rest.text === ')' || rest.text === ']')
      throw this.#fail(`Nothing opens this ${rest.text}`, rest);
    if (rest.type !== 'end') throw this.#expected('an operator', rest);
    return { text: this.#text, root, ambiguous: [...this.#ambiguous] };
  }

  #conditional(): Syntax {
    return this.#deeper(() => {
      const condition = this.#binary(0);
      if (!this.#accept('?')) return condition;
      const yes = this.#conditional();
      if (!this.#accept(':')) throw this.#expected(': and what holds otherwise', this.#peek());
      const no = this.#conditional();
      return this.#make({ type: 'conditional', condition, yes, no, ...span(condition, no) }, [
        condition,
        yes,
        no,
      ]);
    });
  }

  #binary(lowest: number): Syntax {
    let left = this.#unary();
    for (;;) {
      const token = this.#peek();
      const operator = token.text;
      const level = levelOf.get(operator);
      if (token.type !== 'punctuation' || level === undefined || level < lowest) return left;
      if (!isBinary(operator)) return left;
      this.#next++;
      const right = this.#binary(level + 1);
      left = this.#make(
        { type: 'binary', operator, left, right, operatorAt: placeOf(token), ...span(left, right) },
        [left, right],
      );
    }
  }

  #unary(): Syntax {
    return this.#deeper(() => {
      const token = this.#peek();
      if (token.type === 'punctuation' && isUnary(token.text)) {
        this.#next++;
        const operand = this.#unary();
        return this.#make(
          { type: 'unary', operator: token.text, operand, ...span(token, operand) },
          [operand],
        );
      }
      if (token.type === 'name' && token.text === 'sizeof') return this.#sizeof();
      const to = this.#castType();
      if (to === null) return this.#postfix(this.#primary());
      const operand = this.#unary();
      return this.#make({ type: 'cast', to, operand, ...span(token, operand) }, [operand]);
    });
  }

  #sizeof(): Syntax {
    const keyword = this.#take();
    const inBrackets = this.#typeName(this.#next);
    const after = inBrackets === null ? undefined : this.#tokens[inBrackets.end];
    if (inBrackets !== null && !/^(?:->|\.|\[)$/.test(after?.text ?? '')) {
      const isName = inBrackets.isPlainName;
      const inner = this.#tokens[this.#next + 1];
      this.#next = inBrackets.end;
      const place = span(keyword, this.#tokens[inBrackets.end - 1] ?? keyword);
      // a variable or a type, as the function has it
      if (isName && inner !== undefined) {
        const operand = this.#make({ type: 'name', name: inner.text, ...placeOf(inner) }, []);
        return this.#make({ type: 'sizeof', operand, ...place }, [operand]);
      }
      return this.#make({ type: 'sizeofType', of: inBrackets.typeName, ...place }, []);
    }
    const bare = this.#peek();
    if (isTag(bare.text) || isSpecifier(bare.text))
      throw this.#fail('The type stands in brackets: sizeof(struct file).', bare);
    const operand = this.#unary();
    return this.#make({ type: 'sizeof', operand, ...span(keyword, operand) }, [operand]);
  }

  /** Takes `(type)` if it stands here and is a cast. */
  #castType(): TypeName | null {
    const found = this.#typeName(this.#next);
    if (found === null) return null;
    const { typeName, end, isPlainName } = found;
    if (isPlainName && !this.#isCast(typeName.base, this.#tokens[end] ?? this.#peek())) return null;
    this.#next = end;
    return typeName;
  }

  #isCast(name: string, after: Token): boolean {
    if (startsOperand(after) || /^[(!~]$/.test(after.text)) return true;
    if (!/^[-+*&]$/.test(after.text)) return false;
    this.#ambiguous.add(name);
    return this.#typeNames.has(name);
  }

  /** A type's name in brackets from a token on, and the token after it. */
  #typeName(
    from: number,
  ): { readonly typeName: TypeName; readonly end: number; readonly isPlainName: boolean } | null {
    const open = this.#tokens[from];
    if (open?.text !== '(') return null;
    let at = from + 1;
    let tag: TypeName['tag'] = null;
    let isPlainName = true;
    const words: string[] = [];
    for (;;) {
      const token = this.#tokens[at];
      if (token?.type !== 'name' || token.text.startsWith('$') || token.text === 'sizeof') break;
      if (isQualifier(token.text)) isPlainName = false;
      else if (isSpecifier(token.text)) {
        isPlainName = false;
        words.push(token.text);
      } else {
        if (words.length > 0) return null;
        if (isTag(token.text)) {
          isPlainName = false;
          tag = token.text;
          const name = this.#tokens[++at];
          if (name?.type !== 'name') throw this.#expected(`the name of the ${tag}`, name ?? open);
          words.push(name.text);
        } else words.push(token.text);
      }
      at++;
    }
    const [name = ''] = words;
    if (words.length === 0) return null;
    if (isPlainName && this.#tokens[at]?.text === '[') {
      // an element of a variable, or an array type
      this.#ambiguous.add(name);
      if (!this.#typeNames.has(name)) return null;
    }
    const { derivations, end } = this.#declarator(at, mostDerivations);
    at = end;
    const close = this.#tokens[at];
    if (close?.text !== ')') {
      if (tag !== null || words.some(isSpecifier))
        throw this.#expected(') after the type', close ?? open);
      return null;
    }
    const first = this.#tokens[from + 1] ?? open;
    const last = this.#tokens[at - 1] ?? open;
    return {
      typeName: { tag, base: words.join(' '), derivations, ...span(first, last) },
      end: at + 1,
      isPlainName: isPlainName && derivations.length === 0,
    };
  }

  /** What stands behind a type's name in its brackets: `*`, `[3][4]`, `(*)[6]`, `(*)(void)`. */
  #declarator(
    from: number,
    room: number,
  ): { readonly derivations: readonly Derivation[]; readonly end: number } {
    const text = (at: number) => this.#tokens[at]?.text ?? '';
    let at = from;
    const pointers: Derivation[] = [];
    for (; text(at) === '*' || isQualifier(text(at)); at++)
      if (text(at) === '*') pointers.push({ kind: 'pointer' });
    let nested: readonly Derivation[] = [];
    if (text(at) === '(' && text(at + 1) === '*' && room > 0) {
      const inner = this.#declarator(at + 1, room - 1);
      if (text(inner.end) === ')') {
        nested = inner.derivations;
        at = inner.end + 1;
      }
    }
    const behind: Derivation[] = [];
    for (;;) {
      if (text(at) === '[') {
        const length = this.#arrayLength(at);
        at += length === null ? 2 : 3;
        behind.unshift({ kind: 'array', elements: length ?? 0 });
      } else if (text(at) === '(' && nested.length > 0) {
        const { parameters, end } = this.#parameters(at);
        at = end;
        behind.unshift({ kind: 'function', parameters });
      } else break;
    }
    if (behind.length > 1 && behind.some(({ kind }) => kind === 'function'))
      throw this.#fail(
        'No function returns an array or a function, and no array has functions.',
        this.#tokens[from] ?? this.#peek(),
      );
    return { derivations: [...pointers, ...behind, ...nested], end: at };
  }

  /** Of `[16]`; null for `[]`. */
  #arrayLength(open: number): number | null {
    const token = this.#tokens[open + 1];
    if (token?.text === ']') return null;
    if (token?.type !== 'integer' || token.value > mostElements)
      throw this.#expected('how many elements the array has', token ?? this.#peek());
    const close = this.#tokens[open + 2];
    if (close?.text !== ']') throw this.#expected(']', close ?? token);
    return Number(token.value);
  }

  /** What a function takes, as it is written. */
  #parameters(open: number): { readonly parameters: string; readonly end: number } {
    let depth = 0;
    for (let at = open; ; at++) {
      const token = this.#tokens[at];
      if (token === undefined || token.type === 'end')
        throw this.#fail('This ( is never closed.', this.#tokens[open] ?? this.#peek());
      if (token.text === '(') depth++;
      if (token.text === ')') depth--;
      if (depth > 0) continue;
      const from = this.#tokens[open + 1]?.at ?? token.at;
      return { parameters: this.#text.slice(from, token.at).trim(), end: at + 1 };
    }
  }

  #postfix(primary: Syntax): Syntax {
    let object = primary;
    for (;;) {
      const token = this.#peek();
      if (token.text === '[') {
        this.#next++;
        const index = this.#conditional();
        const close = this.#close(token, ']');
        object = this.#make({ type: 'index', object, index, ...span(object, close) }, [
          object,
          index,
        ]);
      } else if (token.text === '.' || token.text === '->') {
        this.#next++;
        const name = this.#take();
        if (name.type !== 'name') throw this.#expected('the name of a member', name);
        object = this.#make(
          {
            type: 'member',
            operator: token.text,
            operatorAt: placeOf(token),
            object,
            name: name.text,
            nameAt: placeOf(name),
            ...span(object, name),
          },
          [object],
        );
      } else if (token.text === '(')
        throw this.#fail('An expression only reads: no function of the kernel is called.', token);
      else return object;
    }
  }

  #primary(): Syntax {
    const token = this.#take();
    const place = placeOf(token);
    switch (token.type) {
      case 'integer': {
        const { value, isDecimal, isUnsigned, isLong } = token;
        return this.#make({ type: 'integer', value, isDecimal, isUnsigned, isLong, ...place }, []);
      }
      case 'string':
        return this.#make({ type: 'string', bytes: token.bytes, ...place }, []);
      case 'name':
        if (this.#peek().text === '(') return this.#call(token);
        return this.#make({ type: 'name', name: token.text, ...place }, []);
      case 'punctuation': {
        if (token.text !== '(') throw this.#expected('a value', token);
        const inner = this.#conditional();
        const close = this.#close(token, ')');
        // wider than the inner one, for marks that take the brackets in
        return this.#make({ ...inner, ...span(token, close) }, [inner]);
      }
      case 'end':
        throw this.#expected('a value', token);
    }
  }

  #call(name: Token): Syntax {
    const open = this.#take();
    const list: Syntax[] = [];
    if (this.#peek().text !== ')') {
      do {
        const first = this.#peek();
        if (isTag(first.text))
          throw this.#fail(`What ${name.text}() takes are values, and no types.`, first);
        list.push(this.#conditional());
      } while (this.#accept(','));
    }
    const close = this.#close(open, ')');
    return this.#make(
      {
        type: 'call',
        name: name.text,
        nameAt: placeOf(name),
        arguments: list,
        ...span(name, close),
      },
      list,
    );
  }

  #close(open: Token, bracket: ')' | ']'): Token {
    const token = this.#peek();
    if (token.text === bracket) return this.#take();
    if (token.type === 'end') throw this.#fail(`This ${open.text} is never closed.`, open);
    throw this.#expected(`an operator or ${bracket}`, token);
  }

  /** Counts what a tree's height does not show yet: brackets and signs that are still open. */
  #deeper(parse: () => Syntax): Syntax {
    // each bracket opens two: a conditional and a unary
    if (++this.#depth > 2 * deepest) throw this.#tooDeep(this.#peek());
    const syntax = parse();
    this.#depth--;
    return syntax;
  }

  #make(syntax: Syntax, children: readonly Syntax[]): Syntax {
    const height = 1 + Math.max(0, ...children.map((child) => this.#heights.get(child) ?? 0));
    if (height > deepest) throw this.#tooDeep(syntax);
    this.#heights.set(syntax, height);
    return syntax;
  }

  #tooDeep(place: Place): ExpressionError {
    return this.#fail(`The expression is nested more than ${deepest} deep.`, {
      at: place.at,
      length: 1,
    });
  }

  #peek(): Token {
    const token = this.#tokens[this.#next] ?? this.#tokens.at(-1);
    if (token === undefined) throw new Error('no end token');
    return token;
  }

  #take(): Token {
    const token = this.#peek();
    this.#next++;
    return token;
  }

  #accept(text: string): boolean {
    const token = this.#peek();
    if (token.type !== 'punctuation' || token.text !== text) return false;
    this.#next++;
    return true;
  }

  #expected(what: string, token: Token): ExpressionError {
    const found = token.type === 'end' ? 'the expression ends' : `there is ${token.text}`;
    return this.#fail(`Expected ${what}, but ${found}.`, token);
  }

  #fail(message: string, place: Place): ExpressionError {
    return new ExpressionError('syntax', message, this.#text, placeOf(place));
  }
}

const placeOf = ({ at, length }: Place): Place => ({ at, length });

const span = (first: Place, last: Place): Place => ({
  at: first.at,
  length: last.at + last.length - first.at,
});
