// `/client.js`: plait-client and the yjs that it uses in one file, for pages without a build step (specs/browser.md).

export * from 'plait-client'
export * as Y from 'yjs'
