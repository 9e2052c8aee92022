/**
 * A room's runs as the tree that they are: which of them make the chosen branch, and which versions a turn has.
 *
 * A run goes on from the run `after` it; logs from before branches do not say, and mean the run before. Runs that go on
 * from the same run are versions of one turn. A run that another run asked for is shown inside that one and is no turn.
 */

export interface Turn {
  readonly id: string
  /** The run that it goes on from, empty at the conversation's beginning, undefined if that is the run before. */
  readonly after: string | undefined
  readonly parent: string | undefined
}

export interface Branch {
  /** The branch's runs, oldest first. */
  readonly turns: readonly string[]
  /** Run of the branch -> all versions of its turn, oldest first. */
  readonly versions: ReadonlyMap<string, readonly string[]>
}

/** The branch that ends with the run `tip`, or with the newest one. */
export function branchOf(all: readonly Turn[], tip: string | undefined): Branch {
  const turns = all.filter(({ parent }) => !parent).sort((a, b) => (a.id < b.id ? -1 : 1))
  const before = parents(turns)
  const held = new Set(before.keys())
  const chosen: string[] = []
  let at = tip !== undefined && held.has(tip) ? tip : turns.at(-1)?.id
  while (at !== undefined && held.has(at)) {
    chosen.push(at)
    held.delete(at)
    at = before.get(at)
  }
  const versions = new Map(chosen.map((id) => [id, turns.filter((other) => before.get(other.id) === before.get(id)).map((other) => other.id)]))
  return { turns: chosen.reverse(), versions }
}

/** The newest run of the branch that begins with that version: where the conversation goes on if it is chosen. */
export function newestUnder(all: readonly Turn[], version: string): string {
  const turns = all.filter(({ parent }) => !parent).sort((a, b) => (a.id < b.id ? -1 : 1))
  const before = parents(turns)
  const under = new Set([version])
  // A run comes after the run that it goes on from, so one pass in order finds all.
  for (const { id } of turns) if (under.has(before.get(id) ?? '')) under.add(id)
  return [...under].sort().at(-1)!
}

function parents(turns: readonly Turn[]): Map<string, string> {
  return new Map(turns.map(({ id, after }, index) => [id, after ?? turns[index - 1]?.id ?? '']))
}
