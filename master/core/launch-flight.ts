// Launch flight: launches on their way to an agent, so that many large ones in a row do not fill its link, which is everybody's.
//
// Owns:      how many bytes of launches an agent may not have read yet, and asking it.
// Elsewhere: what a launch is (accept.ts), what else a pong means (agents.ts, A5), the bound of a link's queue (proto/stream-link.ts).
// Invariants:
//   G1. A launch counts until its agent has answered a ping that was sent behind it, or its session has ended: whatever became of its task, and of no
//       matter whose.
//   G2. Ordinary launches cost no pings: there is at most one under way for them, and none for less than {@link askFromBytes}.
// Source: our choice; a link itself does not tell its owner what has arrived.

import { launchBytesMax } from '../../common/model/message-size';
import { sendToAgent, type Agent, type MasterState } from './master-state';

export interface LaunchFlight {
  /** Sent since the newest ping. */
  bytesSince: number;
  /** Pings that are not answered yet, oldest first, by the bytes of launches before each. */
  readonly pings: number[];
}

/** Far below the bound, so that the answer is there before it is reached where the agent keeps up. */
const askFromBytes = launchBytesMax / 16;

export function newLaunchFlight(): LaunchFlight {
  return { bytesSince: 0, pings: [] };
}

export function bytesUnderWay({ launchFlight: { bytesSince, pings } }: Agent): number {
  return pings.reduce((sum, bytes) => sum + bytes, bytesSince);
}

/** A launch was sent. */
export function noteLaunch(state: MasterState, agent: Agent, bytes: number): void {
  agent.launchFlight.bytesSince += bytes;
  ask(state, agent);
}

/** A ping was sent for another reason: its answer comes in order. */
export function notePing({ launchFlight }: Agent): void {
  launchFlight.pings.push(0);
}

/** The agent has read what was sent before the oldest ping. */
export function notePong(state: MasterState, agent: Agent): void {
  agent.launchFlight.pings.shift();
  ask(state, agent);
}

/** A new session: nothing is under way. */
export function resetLaunchFlight({ launchFlight }: Agent): void {
  launchFlight.bytesSince = 0;
  launchFlight.pings.length = 0;
}

/** G2. */
function ask(state: MasterState, agent: Agent): void {
  const { launchFlight } = agent;
  if (launchFlight.pings.length > 0 || launchFlight.bytesSince < askFromBytes) return;
  if (!sendToAgent(state, agent, { kind: 'ping' })) return;
  launchFlight.pings.push(launchFlight.bytesSince);
  launchFlight.bytesSince = 0;
}
