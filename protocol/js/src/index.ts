/**
 * The browser client of plait: rooms, agents and shared documents over one socket, delivered once.
 */

export { Cell, type Watched } from './cell'
export { connect, type ConnectOptions } from './connect'
export type { SharedDocument } from './documents'
export type { RefusedLater, Waiting } from './outbox'
export { type Refusal, Refused } from './refused'
export type { Room } from './room'
export type { Status } from './status'
export type * from './types'
