/**
 * A browser with several pages of one origin: their locks and channels, and what can become of a page.
 *
 * As a browser's: a lock is given on when its page crashes, a frozen or hanging page hears what was said to it only
 * when it goes on, and channels keep the order of what one page says.
 */

import { Page } from 'plait-client/page'

type Grant = (lock: { name: string } | null) => unknown

interface Request {
  readonly page: FakePage
  readonly name: string
  readonly shared: boolean
  readonly granted: Grant
  readonly settle: (value: unknown) => void
  readonly fail: (error: unknown) => void
}

export class FakeBrowser {
  readonly pages = new Set<FakePage>()
  held: Request[] = []
  queue: Request[] = []

  open(): FakePage {
    const page = new FakePage(this)
    this.pages.add(page)
    return page
  }

  grant(): void {
    for (const request of [...this.queue]) {
      const others = [...this.held, ...this.queue.slice(0, this.queue.indexOf(request))].filter(({ name }) => name === request.name)
      if (others.some(({ shared }) => !shared || !request.shared)) continue
      this.queue = this.queue.filter((other) => other !== request)
      this.hold(request)
    }
  }

  hold(request: Request): void {
    this.held.push(request)
    request.page.run(async () => {
      try {
        request.settle(await request.granted({ name: request.name }))
      } catch (error) {
        request.fail(error)
      } finally {
        this.held = this.held.filter((other) => other !== request)
        this.grant()
      }
    })
  }
}

class FakeChannel {
  onmessage: ((event: { data: unknown }) => void) | null = null
  closed = false

  constructor(readonly name: string, readonly page: FakePage) {
    page.channels.add(this)
  }

  postMessage(data: unknown): void {
    if (this.closed) throw new DOMException('closed', 'InvalidStateError')
    if (this.page.gone) return
    for (const page of this.page.browser.pages) {
      for (const channel of page.channels) {
        if (channel === this || channel.name !== this.name) continue
        const copy = structuredClone(data)
        page.run(() => { if (!channel.closed) channel.onmessage?.({ data: copy }) })
      }
    }
  }

  close(): void {
    this.closed = true
    this.page.channels.delete(this)
  }
}

export class FakePage {
  readonly channels = new Set<FakeChannel>()
  readonly window = new EventTarget()
  readonly document = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  readonly page: Page
  gone = false
  private hanging = false
  private late: (() => void)[] = []

  constructor(readonly browser: FakeBrowser) {
    this.page = new Page(this.locks as unknown as LockManager, this)
    this.page.channel = (name) => new FakeChannel(name, this) as unknown as BroadcastChannel
  }

  /** As an event of this page's loop: soon, in order, and not while it hangs. */
  run(task: () => void): void {
    queueMicrotask(() => {
      if (this.gone) return
      if (this.hanging) this.late.push(task)
      else task()
    })
  }

  hang(): void {
    this.hanging = true
  }

  goOn(): void {
    this.hanging = false
    for (const task of this.late.splice(0)) task()
  }

  freeze(): void {
    this.document.dispatchEvent(new Event('freeze'))
    this.hang()
  }

  resume(): void {
    this.hanging = false
    this.document.dispatchEvent(new Event('resume'))
    this.goOn()
  }

  close(): void {
    this.window.dispatchEvent(new Event('pagehide'))
    this.crash()
  }

  crash(): void {
    this.gone = true
    this.channels.clear()
    const { browser } = this
    browser.pages.delete(this)
    browser.held = browser.held.filter(({ page }) => page !== this)
    browser.queue = browser.queue.filter(({ page }) => page !== this)
    browser.grant()
  }

  private readonly locks = {
    request: (name: string, options: any, granted: Grant = options): Promise<unknown> => {
      const { browser } = this
      return new Promise((settle, fail) => {
        const request: Request = { page: this, name, shared: options.mode === 'shared', granted, settle, fail: (error) => this.run(() => fail(error)) }
        if (options.signal?.aborted) return fail(options.signal.reason)
        options.signal?.addEventListener('abort', () => {
          if (!browser.queue.includes(request)) return
          browser.queue = browser.queue.filter((other) => other !== request)
          fail(options.signal.reason)
          browser.grant()
        })
        if (!options.steal) {
          browser.queue.push(request)
          return browser.grant()
        }
        for (const robbed of browser.held.filter((held) => held.name === name)) robbed.fail(new DOMException('stolen', 'AbortError'))
        browser.held = browser.held.filter((held) => held.name !== name)
        browser.hold(request)
      })
    }
  }
}

/** All that follows from what happened, without time going by. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
}
