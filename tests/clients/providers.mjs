// Every published provider under one face, so that one tab can be any of them. Packages are loaded when they are asked
// for; but for @y/websocket 4, which brings a Yjs of its own, they share one yjs.
//
// A face has: awareness, connected, synced, trying, saved (nothing of ours waits for an acknowledgement, as the provider
// itself says it, or null where it says nothing), connect(), disconnect(), stay() which keeps it from coming back by
// itself, renew(token) as an app does that has a fresh grant, and on(listener) for whatever changes these.

const websocket = async (name, { url, room, doc, Socket, params, protocols, connect }) => {
  const { WebsocketProvider } = await import(name)
  const provider = new WebsocketProvider(url, room, doc, { disableBc: true, WebSocketPolyfill: Socket, params, protocols, connect })
  return {
    awareness: provider.awareness,
    stay: () => { provider.shouldConnect = false },
    renew: (token) => {
      // Version 1 has made its address once and for all; the others make it of the parameters each time.
      if (Object.hasOwn(provider, 'url')) provider.url = provider.url.replace(/token=[^&]*/, `token=${token}`)
      else provider.params.token = token
    },
    get connected () { return provider.wsconnected },
    get synced () { return provider.synced },
    get trying () { return provider.shouldConnect },
    saved: null,
    connect: () => provider.connect(),
    disconnect: () => provider.disconnect(),
    on: (listener) => { for (const event of ['status', 'sync', 'closed', 'connection-error']) provider.on(event, listener) }
  }
}

const hocuspocus = async (name, { url, room, doc, Socket, token, connect, session }) => {
  const { HocuspocusProvider, HocuspocusProviderWebsocket } = await import(name)
  let shown = token ?? 'a token'
  const socket = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: Socket, autoConnect: connect, delay: 100, minDelay: 100 })
  const provider = new HocuspocusProvider({
    websocketProvider: socket, name: room, document: doc, token: () => shown, sessionAwareness: session ?? false
  })
  provider.attach()
  return {
    awareness: provider.awareness,
    stay: () => { socket.shouldConnect = false },
    renew: (token) => { shown = token },
    get connected () { return socket.status === 'connected' && provider.isAuthenticated },
    get synced () { return provider.synced },
    get trying () { return socket.shouldConnect },
    get saved () { return provider.synced && !provider.hasUnsyncedChanges },
    connect: () => socket.connect(),
    disconnect: () => socket.disconnect(),
    on: (listener) => {
      for (const event of ['status', 'synced', 'authenticated', 'authenticationFailed', 'unsyncedChanges', 'stateless', 'close', 'disconnect']) {
        provider.on(event, listener)
      }
    }
  }
}

const ySweet = async (name, { url, room, doc, Socket, token, connect }) => {
  const { YSweetProvider } = await import(name)
  let shown = token
  const endpoint = async () => ({ url, baseUrl: url.replace('ws', 'http'), docId: room, authorization: 'full', token: shown })
  const provider = new YSweetProvider(endpoint, room, doc, { WebSocketPolyfill: Socket, showDebuggerLink: false, connect })
  return {
    awareness: provider.awareness,
    stay: () => { provider.connect = () => {} },
    renew: (token) => { shown = token },
    get connected () { return provider.status === 'connected' },
    get synced () { return provider.status === 'connected' },
    get trying () { return provider.status !== 'offline' },
    get saved () { return provider.status === 'connected' && !provider.hasLocalChanges },
    connect: () => {
      provider.status = 'connecting' // What its own reconnection does; from `offline` its loop would not begin.
      return provider.connect()
    },
    disconnect: () => provider.disconnect(),
    on: (listener) => { for (const event of ['connection-status', 'local-changes']) provider.on(event, listener) }
  }
}

const kinds = {
  'y-websocket': websocket,
  'y-websocket-2': websocket,
  'y-websocket-1': websocket,
  '@hocuspocus/provider': hocuspocus,
  '@hocuspocus/provider-3': hocuspocus,
  '@y-sweet/client': ySweet
}

export const open = (kind, options) => kinds[kind](kind, options)
