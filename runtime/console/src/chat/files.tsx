/**
 * Files of a prompt or of an answer: a picture that can be shown is shown, every other file is offered.
 *
 * The bytes are this server's, under their hash. Only raster pictures are drawn: an SVG is a document, and hostile.
 */

import type { VNode } from 'preact'

import type { Attached } from '../wire/control'

const DRAWN = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif'])
const HASH = /^[0-9a-f]{64}$/

/** Where a blob's bytes are, or null for what is no hash. */
export function blobAddress(hash: unknown): string | null {
  return typeof hash === 'string' && HASH.test(hash) ? `/api/blobs/${hash}` : null
}

/** What a map of the document, or anybody else, says about a file. */
export function fileOf(said: { get: (key: string) => unknown }): Attached {
  return {
    blob: String(said.get('blob') ?? ''),
    media_type: String(said.get('media_type') ?? ''),
    name: String(said.get('name') ?? '') || 'file',
    bytes: Number(said.get('bytes') ?? 0)
  }
}

export function FileView({ file }: { file: Attached }): VNode {
  const address = blobAddress(file.blob)
  const told = `${file.name}, ${size(file.bytes)}`
  if (!address) return <span class="file chip">{told}</span>
  if (DRAWN.has(file.media_type)) {
    return (
      <a class="file picture" href={address} target="_blank" rel="noopener" title={told}>
        <img src={address} alt={file.name} loading="lazy" decoding="async" />
      </a>
    )
  }
  return <a class="file chip" href={address} download={file.name} title={file.media_type}><span aria-hidden="true">↓</span> {file.name} <span class="bytes">{size(file.bytes)}</span></a>
}

/** A length in bytes, as people say it. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 999_500) return `${(bytes / 1000).toPrecision(3).replace(/\.0+$/, '')} kB`
  return `${(bytes / 1_000_000).toPrecision(3).replace(/\.0+$/, '')} MB`
}
