/**
 * Names that nobody else has: of commands, pages, sessions and reigns.
 */

/** As `crypto.randomUUID`, which a page that came over plain HTTP does not have. */
export function newId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
