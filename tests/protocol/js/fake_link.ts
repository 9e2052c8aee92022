/** A socket that is opened and cut by the test, and remembers who said what on it. */

import { Cell } from 'plait-client/cell'
import type { LaneEvents, LaneSender, Link, LinkState } from 'plait-client/link'

class FakeLane implements LaneSender {
  begun = false

  constructor(readonly name: string, readonly events: LaneEvents, readonly link: FakeLink) {}

  get open(): boolean {
    return this.begun
  }

  binary(message: Uint8Array): void {
    this.link.said.push([this.name, [...message]])
  }

  text(command: Readonly<Record<string, unknown>>): void {
    this.link.said.push([this.name, command])
  }

  close(): void {
    this.link.lanes.delete(this.name)
    this.link.said.push([this.name, 'CLOSE'])
  }

  begin(): void {
    if (this.begun) return
    this.begun = true
    this.events.opened()
  }
}

export class FakeLink implements Link {
  readonly state = new Cell<LinkState>({ kind: 'connecting' })
  readonly lanes = new Map<string, FakeLane>()
  readonly said: [lane: string, what: unknown][] = []
  retries = 0

  lane(name: string, events: LaneEvents): LaneSender {
    const lane = new FakeLane(name, events, this)
    this.lanes.set(name, lane)
    queueMicrotask(() => { if (this.state.value.kind === 'open') lane.begin() })
    return lane
  }

  retry(): void {
    this.retries += 1
  }

  close(): void {
    if (this.state.value.kind !== 'closed') this.end({ kind: 'closed', code: 1000, reason: '' })
  }

  open(): void {
    this.state.set({ kind: 'open' })
    for (const lane of this.lanes.values()) lane.begin()
  }

  end(state: LinkState): void {
    this.state.set(state)
    for (const lane of this.lanes.values()) {
      if (lane.begun) lane.events.lost()
      lane.begun = false
    }
  }

  get closed(): boolean {
    return this.state.value.kind === 'closed'
  }
}
