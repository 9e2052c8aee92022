/**
 * Names for new rooms: two words that are easy to say, and a number that makes them one's own.
 */

const FIRST = ['quiet', 'early', 'amber', 'open', 'plain', 'swift', 'north', 'silver', 'even', 'clear']
const SECOND = ['ferry', 'orchard', 'harbour', 'ledger', 'meadow', 'signal', 'thread', 'window', 'lantern', 'river']

export function freshName(): string {
  const [a, b, c] = crypto.getRandomValues(new Uint32Array(3)) as unknown as [number, number, number]
  return `${FIRST[a % FIRST.length]}-${SECOND[b % SECOND.length]}-${(c % 90) + 10}`
}
