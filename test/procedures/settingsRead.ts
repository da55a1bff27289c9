/**
 * Which settings of maintenance.yaml the work of a procedure reads, found in its code: from its work and texts along every
 * function, class and constant that they use, each property that is declared in the schema of the configuration.
 */
import { join, relative } from 'node:path';
import ts from 'typescript';

export interface Read {
  /** A setting as `settings` names it, without `[]`: `certificates.deploy`. */
  readonly path: string;
  /** `agent/procedures/…ts:12`, the first place in the order of the search. */
  readonly place: string;
}

const root = join(import.meta.dirname, '..', '..');

/** Looks where the file lost something, at whatever is declared. */
const judge = join(root, 'agent/config/relied.ts');

/** A declaration at the top of a module: what is reached or not as a whole. */
type Unit = ts.Node;

interface Found {
  readonly uses: ReadonlySet<Unit>;
  readonly reads: readonly Read[];
  /** Names of other procedures, which look for mistakes in their settings themselves. */
  readonly others: ReadonlySet<string>;
}

export class SettingsRead {
  /** All settings that have none below them. */
  readonly leaves: readonly string[];
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;
  /** By their declaration in the schema. */
  readonly #paths = new Map<ts.Node, string>();
  readonly #known = new Map<Unit, Found>();

  constructor() {
    this.#program = openProgram();
    this.#checker = this.#program.getTypeChecker();
    const leaves: string[] = [];
    this.#walk(this.#typeOf(join(root, 'agent/config/schema.ts'), 'Sections'), '', leaves);
    this.leaves = leaves;
  }

  /** Of one built-in procedure, by its name; and which others it runs. */
  of(procedure: string): { readonly reads: readonly Read[]; readonly others: ReadonlySet<string> } {
    const reads = new Map<string, Read>();
    const others = new Set<string>();
    const open = [...this.#beginnings(procedure)];
    const seen = new Set<Unit>(open);
    for (let unit = open.shift(); unit !== undefined; unit = open.shift()) {
      const found = this.#look(unit);
      for (const read of found.reads) if (!reads.has(read.path)) reads.set(read.path, read);
      for (const other of found.others) others.add(other);
      for (const used of found.uses) {
        if (seen.has(used)) continue;
        seen.add(used);
        open.push(used);
      }
    }
    return { reads: [...reads.values()], others };
  }

  /** Its work, and what else of its definition is code. */
  #beginnings(procedure: string): Unit[] {
    for (const source of this.#program.getSourceFiles().filter(isOurs)) {
      for (const definition of definitionsIn(source)) {
        if (nameOf(definition) !== procedure) continue;
        const texts = ['impact', 'looksOnly', 'choices'].flatMap((key) => propertyOf(definition, key) ?? []);
        return [...texts, this.#workOf(propertyOf(definition, 'work'), source)];
      }
    }
    throw new Error(`no procedure is defined as ${procedure}`);
  }

  #workOf(work: ts.Node | undefined, source: ts.SourceFile): Unit {
    const module = work && /import\('(.+)'\)/.exec(work.getText(source))?.[1];
    if (module === undefined) throw new Error(`${source.fileName} imports no work`);
    const [run] = this.#exported(join(source.fileName, '..', module), 'run').declarations ?? [];
    if (run === undefined) throw new Error(`${module} has no run`);
    return unitOf(run);
  }

  #exported(module: string, name: string): ts.Symbol {
    const source = this.#program.getSourceFile(module);
    const symbol = source && this.#checker.getSymbolAtLocation(source);
    const found = symbol && this.#checker.getExportsOfModule(symbol).find((one) => one.name === name);
    if (found === undefined) throw new Error(`${module} exports no ${name}`);
    return found.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(found) : found;
  }

  #typeOf(module: string, name: string): ts.Type {
    return this.#checker.getDeclaredTypeOfSymbol(this.#exported(module, name));
  }

  /** Entries of a list count as the list. */
  #walk(type: ts.Type, path: string, leaves: string[], inEntries = false): void {
    for (const property of this.#checker.getPropertiesOfType(type)) {
      const own = inEntries ? path : path === '' ? property.name : `${path}.${property.name}`;
      for (const declaration of property.declarations ?? []) this.#paths.set(declaration, own);
      const value = this.#checker.getNonNullableType(this.#checker.getTypeOfSymbol(property));
      const entry = this.#checker.isArrayType(value)
        ? this.#checker.getTypeArguments(value as ts.TypeReference)[0]
        : undefined;
      const fixed = this.#isMapping(value);
      if (!inEntries && !fixed) leaves.push(own);
      if (entry !== undefined && this.#isMapping(entry)) this.#walk(entry, own, leaves, true);
      else if (fixed) this.#walk(value, own, leaves, inEntries);
    }
  }

  #isMapping(type: ts.Type): boolean {
    if (!(type.flags & ts.TypeFlags.Object) || this.#checker.isArrayType(type)) return false;
    const [first] = this.#checker.getPropertiesOfType(type);
    return first?.declarations?.every(isOurs) === true;
  }

  #look(unit: Unit): Found {
    const known = this.#known.get(unit);
    if (known !== undefined) return known;
    const uses = new Set<Unit>();
    const reads: Read[] = [];
    const others = new Set<string>();
    const visit = (node: ts.Node): void => {
      if (ts.isTypeNode(node) || ts.isTypeAliasDeclaration(node) || ts.isInterfaceDeclaration(node)) return;
      if (ts.isIdentifier(node)) this.#use(node, unit, { uses, others });
      for (const path of this.#readsAt(node)) reads.push({ path, place: placeOf(node) });
      ts.forEachChild(node, visit);
    };
    visit(unit);
    const found = { uses, reads, others };
    this.#known.set(unit, found);
    return found;
  }

  #use(name: ts.Identifier, within: Unit, found: { readonly uses: Set<Unit>; readonly others: Set<string> }): void {
    const symbol = ts.isShorthandPropertyAssignment(name.parent)
      ? this.#checker.getShorthandAssignmentValueSymbol(name.parent)
      : this.#checker.getSymbolAtLocation(name);
    if (symbol === undefined) return;
    const target = symbol.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
    for (const declaration of target.declarations ?? []) {
      // What a setting may hold is judged when the file is loaded.
      if (!isOurs(declaration) || ts.isSourceFile(declaration) || this.#paths.has(declaration)) continue;
      if (isWithin(declaration, within) || declaration.getSourceFile().fileName === judge) continue;
      const used = unitOf(declaration);
      const definition = definitionOf(used);
      if (definition === null) found.uses.add(used);
      else found.others.add(nameOf(definition));
    }
  }

  #readsAt(node: ts.Node): readonly string[] {
    if (ts.isBindingElement(node)) {
      if (!ts.isObjectBindingPattern(node.parent) || node.dotDotDotToken !== undefined) return [];
      const name = node.propertyName ?? node.name;
      return ts.isIdentifier(name) ? this.#pathsOf(this.#propertyOf(node.parent, name.text)) : [];
    }
    const own = ts.isPropertyAccessExpression(node)
      ? this.#pathsOf(this.#checker.getSymbolAtLocation(node.name))
      : ts.isElementAccessExpression(node) && ts.isStringLiteral(node.argumentExpression)
        ? this.#pathsOf(this.#propertyOf(node.expression, node.argumentExpression.text))
        : [];
    return ts.isExpression(node) ? [...own, ...this.#handedOver(node)] : own;
  }

  /** Settings that are given to what knows them by a type of its own, or does not say what it reads. */
  #handedOver(node: ts.Expression): readonly string[] {
    // On the way to a property, which is looked at itself.
    if (ts.isPropertyAccessExpression(node.parent)) return [];
    // A pattern names what it takes.
    if (ts.isVariableDeclaration(node.parent) && !ts.isIdentifier(node.parent.name)) return [];
    const type = this.#checker.getNonNullableType(this.#checker.getTypeAtLocation(node));
    if (!(type.flags & ts.TypeFlags.Object) || this.#checker.isArrayType(type)) return [];
    const settings = this.#checker.getPropertiesOfType(type).flatMap((property) => {
      const [path] = this.#pathsOf(property);
      return path === undefined ? [] : [{ name: property.name, path }];
    });
    if (settings.length === 0) return [];
    const wanted = this.#checker.getContextualType(node);
    if (wanted === undefined) return [];
    const target = this.#checker.getNonNullableType(wanted);
    return settings
      .filter(({ name }) => {
        const property = this.#checker.getPropertyOfType(target, name);
        if (property === undefined) return this.#checker.getPropertiesOfType(target).length === 0;
        return this.#pathsOf(property).length === 0;
      })
      .flatMap(({ path }) => this.#leavesBelow(path));
  }

  #leavesBelow(path: string): readonly string[] {
    return this.leaves.filter((leaf) => leaf === path || leaf.startsWith(`${path}.`));
  }

  #propertyOf(node: ts.Node, name: string): ts.Symbol | undefined {
    return this.#checker.getPropertyOfType(
      this.#checker.getNonNullableType(this.#checker.getTypeAtLocation(node)),
      name,
    );
  }

  #pathsOf(symbol: ts.Symbol | undefined): readonly string[] {
    return (symbol?.declarations ?? []).flatMap((declaration) => this.#paths.get(declaration) ?? []);
  }
}

function openProgram(): ts.Program {
  const file = join(root, 'tsconfig.json');
  const config = ts.parseJsonConfigFileContent(
    ts.readConfigFile(file, (name) => ts.sys.readFile(name)).config,
    ts.sys,
    root,
  );
  return ts.createProgram([join(root, 'agent/procedures/index.ts')], { ...config.options, types: ['node'] });
}

function definitionsIn(source: ts.SourceFile): ts.ObjectLiteralExpression[] {
  const variables = source.statements.filter((one) => ts.isVariableStatement(one));
  return variables.flatMap(({ declarationList }) =>
    declarationList.declarations.flatMap((one) => definitionOf(one) ?? []),
  );
}

/** What is given to defineProcedure; null when it makes no procedure. */
function definitionOf(unit: Unit): ts.ObjectLiteralExpression | null {
  if (!ts.isVariableDeclaration(unit) || unit.initializer === undefined || !ts.isCallExpression(unit.initializer))
    return null;
  const { expression, arguments: given } = unit.initializer;
  const [definition] = given;
  const defines = ts.isIdentifier(expression) && expression.text === 'defineProcedure';
  return defines && definition !== undefined && ts.isObjectLiteralExpression(definition) ? definition : null;
}

function propertyOf(definition: ts.ObjectLiteralExpression, name: string): ts.ObjectLiteralElementLike | undefined {
  return definition.properties.find(
    (one) => one.name !== undefined && ts.isIdentifier(one.name) && one.name.text === name,
  );
}

function nameOf(definition: ts.ObjectLiteralExpression): string {
  const name = propertyOf(definition, 'name');
  if (name === undefined || !ts.isPropertyAssignment(name) || !ts.isStringLiteral(name.initializer)) {
    throw new Error(`a procedure at ${placeOf(definition)} has no name in letters`);
  }
  return name.initializer.text;
}

function unitOf(declaration: ts.Node): Unit {
  let unit = declaration;
  while (!isAtTop(unit)) unit = unit.parent;
  return unit;
}

function isAtTop(node: ts.Node): boolean {
  return ts.isSourceFile(ts.isVariableDeclaration(node) ? node.parent.parent.parent : node.parent);
}

function isWithin(node: ts.Node, outer: ts.Node): boolean {
  return node.getSourceFile() === outer.getSourceFile() && node.pos >= outer.pos && node.end <= outer.end;
}

function isOurs(node: ts.Node): boolean {
  return node.getSourceFile().fileName.startsWith(join(root, 'agent'));
}

function placeOf(node: ts.Node): string {
  const source = node.getSourceFile();
  const { line } = source.getLineAndCharacterOfPosition(node.getStart());
  return `${relative(root, source.fileName)}:${line + 1}`;
}
