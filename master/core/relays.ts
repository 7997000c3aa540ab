// Relays: operators' questions that an agent must answer.
//
// Owns:      the questions under way, and that each gets exactly one answer.
// Elsewhere: which question goes where (operator.ts), reading the file (agent/).
// Invariants:
//   Y1. Each relay is answered once: by its agent, by the agent's disappearance, or by its deadline.
//   Y2. An agent answers only what it was asked.
// Source: our choice: agents may be behind routers, so what an operator wants of one travels over the agent's own stream.

import type { AgentMessage } from '../../common/model/agent-protocol';
import type { OperatorReply } from '../../common/model/operator-protocol';
import { relayCountMax, sendToAgent, type Agent, type MasterState, type Relay } from './master-state';
import type { MasterMessage } from '../../common/model/agent-protocol';

type ReadSandbox = Omit<Extract<MasterMessage, { kind: 'read-sandbox' }>, 'kind' | 'request'>;

/** Asks the agent, or answers at once that it cannot be asked. */
export function relayToAgent(state: MasterState, request: number, agent: Agent, question: ReadSandbox): void {
  if (agent.presence.kind !== 'active') {
    state.outgoing.replyOperator(request, { kind: 'unavailable', message: `Agent ${agent.id} on host "${agent.info.hostname}" is ${agent.presence.kind}` });
    return;
  }
  if (state.relays.size >= relayCountMax) {
    state.outgoing.replyOperator(request, { kind: 'unavailable', message: `${state.relays.size} questions wait for answers of agents: try again later` });
    return;
  }
  const relay: Relay = { number: state.relayNumberNext++, request, agent, timeout: undefined };
  relay.timeout = state.deadlines.set(state.nowMs + state.config.operatorTimeoutMs, { kind: 'relay-timeout', relay });
  state.relays.set(relay.number, relay);
  agent.relays.add(relay);
  sendToAgent(state, agent, { kind: 'read-sandbox', request: relay.number, ...question });
}

export function onSandboxChunk(state: MasterState, agent: Agent, { request, outcome }: Extract<AgentMessage, { kind: 'sandbox-chunk' }>): void {
  const relay = state.relays.get(request);
  if (relay?.agent !== agent) return; // Y2, or too late.
  answer(
    state,
    relay,
    outcome.ok
      ? { kind: 'sandbox-chunk', offset: outcome.offset, data: outcome.data, size: outcome.size, ended: outcome.ended }
      : { kind: 'unavailable', message: outcome.message },
  );
}

export function failRelaysOf(state: MasterState, agent: Agent): void {
  for (const relay of [...agent.relays]) {
    answer(state, relay, { kind: 'unavailable', message: `Agent ${agent.id} on host "${agent.info.hostname}" disconnected before it answered` });
  }
}

export function onRelayTimeout(state: MasterState, relay: Relay): void {
  const { agent } = relay;
  const message = `Agent ${agent.id} on host "${agent.info.hostname}" did not answer within ${state.config.operatorTimeoutMs} ms`;
  answer(state, relay, { kind: 'unavailable', message });
}

function answer(state: MasterState, relay: Relay, reply: OperatorReply): void {
  if (relay.timeout !== undefined) state.deadlines.cancel(relay.timeout);
  state.relays.delete(relay.number);
  relay.agent.relays.delete(relay);
  state.outgoing.replyOperator(relay.request, reply);
}
