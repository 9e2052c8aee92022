/**
 * A room's runs are a tree; the conversation is one branch of it (specs/conversations.md).
 *
 * A run goes on from the run `after` it; logs from before branches do not say, and mean the run before. A run that
 * another run asked for is shown inside that one and is no turn of the conversation.
 */

import type { Run } from './types'

type Turn = Pick<Run, 'after' | 'parent'>

/** The ids of the runs of the branch that ends with `tip`, or with the newest run; oldest first. */
export function branchOf(runs: { readonly [id: string]: Turn }, tip: string | undefined): readonly string[] {
  const before = parents(runs)
  const branch: string[] = []
  let at = tip !== undefined && before.has(tip) ? tip : [...before.keys()].at(-1)
  // What a run goes on from is older than it: a document that says otherwise would send us round for ever.
  while (at !== undefined && before.has(at) && !(branch.length > 0 && at >= branch.at(-1)!)) {
    branch.push(at)
    at = before.get(at)
  }
  return branch.reverse()
}

/** All versions of that run's turn, itself among them, oldest first: runs that go on from the same run. */
export function versionsOf(runs: { readonly [id: string]: Turn }, run: string): readonly string[] {
  const before = parents(runs)
  return [...before.keys()].filter((id) => before.get(id) === before.get(run))
}

/** The newest run of the branch that begins with that version: where the conversation goes on if it is chosen. */
export function newestUnder(runs: { readonly [id: string]: Turn }, version: string): string {
  const under = new Set([version])
  let newest = version
  for (const [id, after] of parents(runs)) {
    if (under.has(after)) {
      under.add(id)
      newest = id
    }
  }
  return newest
}

/** Each turn and the run that it goes on from, in the order of their ids, which is that of their creation. */
function parents(runs: { readonly [id: string]: Turn }): ReadonlyMap<string, string> {
  const ids = Object.keys(runs).filter((id) => !runs[id]!.parent).sort()
  return new Map(ids.map((id, index) => [id, runs[id]!.after ?? ids[index - 1] ?? '']))
}
