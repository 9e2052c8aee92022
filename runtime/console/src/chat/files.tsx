/**
 * Files of a prompt or of an answer: a picture that can be shown is shown, every other file is offered.
 *
 * The bytes are this server's, under their hash. Only raster pictures are drawn: an SVG is a document, and hostile. Where
 * the server asks for a grant an element cannot ask for them itself, since a grant stands in no address: they are fetched,
 * and shown or saved from memory.
 */

import type { ComponentChildren, VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import { useCell } from '../page/cell'
import * as api from '../wire/api'
import type { Attached } from '../wire/control'
import { grant } from '../wire/grant'

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
  const told = `${file.name}, ${size(file.bytes)}`
  if (!blobAddress(file.blob)) return <span class="file chip">{told}</span>
  if (DRAWN.has(file.media_type)) return <Picture file={file} told={told} />
  return (
    <BlobLink hash={file.blob} name={file.name} kind="file chip" title={file.media_type}>
      <span aria-hidden="true">↓</span> {file.name} <span class="bytes">{size(file.bytes)}</span>
    </BlobLink>
  )
}

function Picture({ file, told }: { file: Attached; told: string }): VNode {
  const { address, problem } = useBytes(file)
  if (problem) return <span class="file chip" title={problem}>{told}: {problem}</span>
  if (!address) return <span class="file chip">{told}</span>
  return (
    <a class="file picture" href={address} target="_blank" rel="noopener" title={told}>
      <img src={address} alt={file.name} loading="lazy" decoding="async" />
    </a>
  )
}

/** Where an element gets a picture's bytes from: the server, or memory where they are fetched under a grant. */
function useBytes({ blob, media_type }: Attached): { readonly address: string; readonly problem: string } {
  const token = useCell(grant)?.token ?? ''
  const [found, find] = useState({ address: '', problem: '' })
  useEffect(() => {
    if (!token) return
    let address = ''
    let here = true
    const fetched = (bytes: Blob): void => {
      if (!here) return
      // What the prompt called a picture is drawn as that, whatever else it is.
      address = URL.createObjectURL(new Blob([bytes], { type: media_type }))
      find({ address, problem: '' })
    }
    api.blob(blob).then(fetched, (error: Error) => { if (here) find({ address: '', problem: error.message }) })
    return () => {
      here = false
      URL.revokeObjectURL(address)
    }
  }, [blob, media_type, token])
  return token ? found : { address: blobAddress(blob) ?? '', problem: '' }
}

interface BlobLinkHow {
  readonly hash: string
  readonly name: string
  readonly kind?: string
  readonly title?: string
  readonly children: ComponentChildren
}

/** A file to be saved. */
export function BlobLink({ hash, name, kind, title, children }: BlobLinkHow): VNode {
  const [problem, complain] = useState('')
  const pressed = (event: Event): void => {
    if (!grant.value?.token) return
    event.preventDefault()
    api.blob(hash).then((bytes) => { complain(''); save(bytes, name) }, (error: Error) => complain(error.message))
  }
  return <><a class={kind} href={blobAddress(hash) ?? ''} download={name} title={title} onClick={pressed}>{children}</a>{problem && <span class="error-line" role="alert"> {problem}</span>}</>
}

function save(bytes: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(bytes)
  link.download = name
  link.click()
  // The browser has taken it over by then, or never will.
  setTimeout(() => URL.revokeObjectURL(link.href), SAVED_MS)
}

const SAVED_MS = 60_000

/** A length in bytes, as people say it. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 999_500) return `${(bytes / 1000).toPrecision(3).replace(/\.0+$/, '')} kB`
  return `${(bytes / 1_000_000).toPrecision(3).replace(/\.0+$/, '')} MB`
}
