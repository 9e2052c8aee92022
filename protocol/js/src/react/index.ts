/**
 * `plait-client/react`: a room in components. Nothing here renders again for a part that did not change.
 */

export { useApproval, useTool, type Approval } from './calls'
export { useSharedDocument, useSharedText, type SharedText } from './documents'
export { Parts, usePart, useParts, type PartKey, type PartsProps } from './parts'
export { RoomProvider, type RoomProviderProps } from './provider'
export { usePresence, useRoom, useRun, type RunHead, type UsedRoom } from './room'
export { useWatched } from './watch'
