/**
 * Files on their way into a prompt: put to the server at once, shown as chips, named by the prompt when it is sent.
 *
 * What was put is kept with the draft over a reload, since the server keeps the bytes; what was still on its way is not.
 */

import type { VNode } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'

import { Cell, useCell } from '../page/cell'
import * as api from '../wire/api'
import type { Attached } from '../wire/control'
import { keep, kept } from '../wire/kept'
import { FileView, size } from './files'

interface Upload {
  readonly id: string
  readonly name: string
  readonly bytes: number
  /** How far it is, from 0 to 1. */
  readonly done: number
  readonly file?: Attached
  readonly problem?: string
}

/** As the server's limits, which have the last word. */
const LARGEST = 16 << 20
const MOST = 16

export class Files {
  readonly uploads: Cell<readonly Upload[]>
  private readonly aborts = new Map<string, AbortController>()

  constructor(private readonly room: string) {
    this.uploads = new Cell<readonly Upload[]>(kept('files', room, isAttached).map(arrived))
  }

  /** Take files in; each is put on its own, and one that fails keeps no other back. */
  add(files: Iterable<File>): void {
    for (const file of files) {
      const upload: Upload = { id: crypto.randomUUID(), name: file.name || 'pasted', bytes: file.size, done: 0 }
      this.uploads.set([...this.uploads.value, upload])
      if (this.uploads.value.length > MOST) this.change(upload.id, { problem: `A prompt takes ${MOST} files.` })
      else if (file.size > LARGEST) this.change(upload.id, { problem: `too large: at most ${size(LARGEST)}` })
      else void this.put(upload.id, file)
    }
  }

  remove(id: string): void {
    this.aborts.get(id)?.abort()
    this.aborts.delete(id)
    this.set(this.uploads.value.filter((upload) => upload.id !== id))
  }

  /** The files of a prompt that is sent now; what failed stays to be read. */
  take(): Attached[] {
    const files = this.uploads.value.flatMap(({ file }) => file ?? [])
    this.set(this.uploads.value.filter(({ file }) => !file))
    return files
  }

  /** Files of a prompt that was given back. */
  giveBack(files: readonly Attached[]): void {
    this.set([...this.uploads.value, ...files.map(arrived)])
  }

  leave(): void {
    for (const abort of this.aborts.values()) abort.abort()
  }

  private async put(id: string, file: File): Promise<void> {
    const abort = new AbortController()
    this.aborts.set(id, abort)
    try {
      const put = await api.putFile(file, (done) => this.change(id, { done }), abort.signal)
      this.change(id, { done: 1, file: put })
    } catch (error) {
      this.change(id, { problem: (error as Error).message })
    }
    this.aborts.delete(id)
  }

  private change(id: string, news: Partial<Upload>): void {
    this.set(this.uploads.value.map((upload) => (upload.id === id ? { ...upload, ...news } : upload)))
  }

  private set(uploads: readonly Upload[]): void {
    this.uploads.set(uploads)
    keep('files', this.room, uploads.flatMap(({ file }) => file ?? []))
  }
}

function arrived(file: Attached): Upload {
  return { id: crypto.randomUUID(), name: file.name, bytes: file.bytes, done: 1, file }
}

function isAttached(one: any): one is Attached {
  return typeof one?.blob === 'string' && typeof one.media_type === 'string' && typeof one.name === 'string' && typeof one.bytes === 'number'
}

/** The files of the prompt that is being written in this room. */
export function useFiles(room: string): Files {
  const files = useMemo(() => new Files(room), [room])
  useEffect(() => () => files.leave(), [files])
  return files
}

export function Chips({ files }: { files: Files }): VNode | null {
  const uploads = useCell(files.uploads)
  if (uploads.length === 0) return null
  return (
    <ul class="chips" aria-label="Files of this prompt">
      {uploads.map(({ id, name, bytes, done, file, problem }) => (
        <li key={id} class={problem ? 'failed' : file ? 'here' : 'coming'}>
          {file ? <FileView file={file} /> : <span class="file chip">{name} <span class="bytes">{size(bytes)}</span></span>}
          {!file && !problem && <progress value={done} max={1} aria-label={`Sending ${name}`} />}
          {problem && <span class="error-line" role="alert">{problem}</span>}
          <button type="button" class="quiet" aria-label={`Remove ${name}`} title="Remove" onClick={() => files.remove(id)}>×</button>
        </li>
      ))}
    </ul>
  )
}

export function AttachButton({ files }: { files: Files }): VNode {
  const chooser = useRef<HTMLInputElement>(null)
  const chosen = (event: Event): void => {
    const input = event.currentTarget as HTMLInputElement
    files.add(input.files ?? [])
    // Else the same file could not be chosen again after it was removed.
    input.value = ''
  }
  return (
    <>
      <input ref={chooser} type="file" multiple hidden aria-label="Files to attach" onChange={chosen} />
      <button type="button" class="attach" aria-label="Attach files" title="Attach files; they can be dropped or pasted here as well" onClick={() => chooser.current?.click()}>
        <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.3" stroke-linecap="round" aria-hidden="true">
          <path d="M12.5 7.2 7.9 11.8a2.6 2.6 0 0 1-3.7-3.7l5-5a1.7 1.7 0 0 1 2.4 2.4l-4.9 4.9a.8.8 0 0 1-1.1-1.1l4.2-4.2" />
        </svg>
      </button>
    </>
  )
}
