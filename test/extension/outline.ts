/** A view as text, one line per node: icon (tone) label | description. Children of every node are opened. */
import type { TreeNode } from '../../extension/views/node.ts';

export function outline(nodes: readonly TreeNode[], depth = 0): string[] {
  return nodes.flatMap((node) => {
    const description = node.description === undefined ? '' : ` | ${node.description}`;
    const line = `${'  '.repeat(depth)}${node.icon} (${node.tone}) ${node.label}${description}`;
    return [line, ...outline(node.children?.() ?? [], depth + 1)];
  });
}

/** All nodes, parents before children. */
export function flat(nodes: readonly TreeNode[]): TreeNode[] {
  return nodes.flatMap((node) => [node, ...flat(node.children?.() ?? [])]);
}
