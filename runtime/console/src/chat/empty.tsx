/**
 * What an empty room teaches: three prompts that work with the model at hand, and how to embed the room elsewhere.
 */

import type { VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

import * as api from '../wire/api'
import { useLack } from '../wire/grant'
import type { Room } from '../wire/room'

/** Any model can answer these, and each says a word that the scripted demo knows (runtime/models/demo_scripts). */
const ANY = ['Make a plan for my first hour with plait', 'Write a mail, and let me approve it', 'Let me pick another colour for this page']
const ECHO = ['Say this back, word by word', 'One two three four five six seven', 'An echo keeps  its  spaces']

export function Empty({ room }: { room: Room }): VNode {
  const lack = useLack('prompt')
  const [models, setModels] = useState<string[] | null>(null)
  useEffect(() => {
    let here = true
    api.health().then(({ models }) => here && setModels(models), () => here && setModels([]))
    return () => void (here = false)
  }, [])
  const scripted = models?.some((name) => name === 'demo') ?? false
  const echo = models?.some((name) => name.startsWith('echo')) ?? false
  const prompts = echo ? ECHO : ANY
  return (
    <section class="empty" aria-label="An empty room">
      <h2>Nothing was asked here yet.</h2>
      <p>
        Whatever is asked and answered is written to the log first and shown in every tab second.
        {scripted && ' The model here is a scripted demo: it needs no key and says so itself.'}
      </p>
      <ul class="try" aria-label="Prompts to try">
        {models !== null && prompts.map((prompt) => (
          <li key={prompt}><button type="button" disabled={lack !== ''} title={lack} onClick={() => void room.control.prompt(prompt)}>{prompt}</button></li>
        ))}
      </ul>
      <p>Watch this room from a page of your own, with stock Yjs:</p>
      <pre class="embed" tabIndex={0} aria-label="Code that embeds this room">
        {`const doc = new Y.Doc()\nnew WebsocketProvider("${wsBase()}/rooms", "${room.name}", doc)`}
      </pre>
    </section>
  )
}

function wsBase(): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}`
}
