/**
 * A page's globals for tests of components. Imported before React's DOM, which looks for them when it is loaded.
 */

import { Window } from 'happy-dom'

const page = new Window({ url: 'http://127.0.0.1/' })
const globals = { window: page, document: page.document, navigator: page.navigator, IS_REACT_ACT_ENVIRONMENT: true }
for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
}
