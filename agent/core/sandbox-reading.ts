// Sandbox reading: sandboxes of ended executors, and who may look into which.
//
// Owns:      keeping and removing sandboxes, answering read-sandbox.
// Elsewhere: the bookkeeping (sandboxes.ts), the files (../containerizer.ts).
// Invariants:
//   Y1. Every read-sandbox is answered once, unless its master is gone.
//   Y2. `ended` is said only for bytes read after the executor's end: nothing can follow them.
// Source: Mesos agent files API and garbage collection (reference, agent section 19); reading over the agent's own stream is our choice,
//         because agents may be behind a router.

import type { MasterMessage } from '../../common/model/agent-protocol';
import type { ContainerId } from '../../common/model/ids';
import type { AgentInput } from './agent-step';
import type { AgentState } from './agent-state';
import type { EndedExecutor } from './sandboxes';

type ReadSandbox = Extract<MasterMessage, { kind: 'read-sandbox' }>;
type SandboxRead = Extract<AgentInput, { kind: 'sandbox-read' }>;

/** Bytes that one answer carries at most: a quarter of a megabyte, so that a log does not keep updates waiting. */
export const sandboxReadLengthMax = 262_144;

/** An executor has ended: its sandbox stays for a while, unless too many do. */
export function keepSandbox(agent: AgentState, ended: EndedExecutor): void {
  agent.turn.checkpoint({ kind: 'executor-ended', containerId: ended.containerId, endedAtWallMs: ended.endedAtWallMs });
  agent.sandboxes.add(ended);
  agent.deadlines.set(ended, agent.nowMs + agent.config.sandboxRetentionMs);
  trimSandboxes(agent);
}

export function trimSandboxes(agent: AgentState): void {
  for (let surplus = agent.sandboxes.surplus; surplus !== undefined; surplus = agent.sandboxes.surplus) removeSandbox(agent, surplus);
}

/** Its time has come. */
export function removeSandbox(agent: AgentState, ended: EndedExecutor): void {
  const { containerId } = ended;
  agent.sandboxes.remove(ended);
  agent.deadlines.clear(ended);
  // The record is durable before the files go: recovery asks again for what the journal says was removed.
  agent.turn.do({ kind: 'remove-sandbox', containerId });
  agent.turn.checkpoint({ kind: 'executor-removed', containerId });
}

export function readSandbox(agent: AgentState, message: ReadSandbox): void {
  const found = findContainer(agent, message);
  if (found === undefined) {
    refuse(agent, message.request, `Executor "${message.executorId}" of framework "${message.frameworkId}" has no sandbox here: it never ran, or its sandbox was removed`);
    return;
  }
  const request = agent.sandboxes.beginRead({ masterRequest: message.request, hadEnded: found.hasEnded });
  if (request === undefined) {
    refuse(agent, message.request, 'Too many sandbox reads are under way at this agent, try again');
    return;
  }
  const lengthMax = Math.max(0, Math.min(message.lengthMax, sandboxReadLengthMax));
  agent.turn.do({ kind: 'read-sandbox', request, containerId: found.containerId, stream: message.stream, offset: message.offset, lengthMax });
}

export function sandboxRead(agent: AgentState, { request, outcome }: SandboxRead): void {
  const read = agent.sandboxes.endRead(request);
  if (read === undefined) return;
  if (!outcome.ok) {
    refuse(agent, read.masterRequest, outcome.message);
    return;
  }
  const { offset, data, size } = outcome;
  const ended = read.hadEnded && offset + data.length >= size;
  agent.turn.toMaster({ kind: 'sandbox-chunk', request: read.masterRequest, outcome: { ok: true, offset, data, size, ended } });
}

/** The container named, if it is one of that executor; else the executor's newest. */
function findContainer(agent: AgentState, { frameworkId, executorId, containerId }: ReadSandbox): { readonly containerId: ContainerId; readonly hasEnded: boolean } | undefined {
  const live = agent.findExecutor(frameworkId, executorId);
  if (live !== undefined && (containerId === undefined || containerId === live.containerId)) return { containerId: live.containerId, hasEnded: false };
  const ended = containerId === undefined ? agent.sandboxes.findLatest(frameworkId, executorId) : agent.sandboxes.get(containerId);
  const isTheirs = ended !== undefined && ended.frameworkId === frameworkId && ended.executorId === executorId;
  return isTheirs ? { containerId: ended.containerId, hasEnded: true } : undefined;
}

function refuse(agent: AgentState, request: number, message: string): void {
  agent.turn.toMaster({ kind: 'sandbox-chunk', request, outcome: { ok: false, message } });
}
