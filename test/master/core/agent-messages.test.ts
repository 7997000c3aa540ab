// Proves that a report in parts is one report: judged as a whole, at its end, and bounded (P1).

import { executorId, frameworkId } from '../../../common/model/ids';
import type { ReportPart, TaskReport } from '../../../common/model/agent-protocol';
import { openingTimeoutMs, reportPartCountMax } from '../../../master/core/master-state';
import { aFramework, anExecutor, aTask, ScriptedMaster } from './scripted-master';

const framework = aFramework({ id: frameworkId('f') });
const running = (id: string, cpus: number): TaskReport => ({ frameworkId: frameworkId('f'), task: aTask(id, 'x-S0', `cpus:${cpus}`), executorId: executorId(id), state: 'TASK_RUNNING' });
const part = (over: Partial<ReportPart>): { kind: 'report-part' } & ReportPart => ({ kind: 'report-part', tasks: [], executors: [], frameworks: [], ...over });

test('each part is answered, nothing follows from it alone, and the registration at the end is of all of them', () => {
  const master = new ScriptedMaster();
  const agent = master.agent();
  agent.say(part({ frameworks: [framework], tasks: [running('t', 1)] }));
  agent.say(part({ executors: [{ frameworkId: frameworkId('f'), executor: anExecutor('e', 'cpus:0.5') }] }));
  expect(master.trace(0)).toEqual(['a1 report-part-taken', 'a1 report-part-taken']);
  expect(master.core.gauges()).toMatchObject({ agentsByState: { active: 0 }, frameworksByState: { recovered: 0 } });
  agent.reregister('x-S0', { tasks: [running('u', 2)] });
  expect(master.trace(0)).toEqual(['persist put x-S0 admitted', 'a1 reregistered x-S0']);
  expect(master.ask({ kind: 'get-tasks', includeCompleted: false })).toMatchObject({ tasks: [{ id: 't' }, { id: 'u' }] });
  const reply = master.ask({ kind: 'get-agents' });
  expect(reply.kind === 'agents' && reply.agents[0]?.allocated.scalar('cpus')).toBe(3_500);
});

test('what the parts say together must fit into the agent, and no part counts for another session', () => {
  const master = new ScriptedMaster();
  const greedy = master.agent();
  greedy.say(part({ frameworks: [framework], tasks: [running('t', 3)] }));
  greedy.reregister('x-S0', { tasks: [running('u', 3)] });
  expect(master.trace(0)).toEqual(['a1 report-part-taken', 'a1 registration-refused', 'a1 closed']);
  master.agent().reregister('x-S0', { frameworks: [framework], tasks: [running('u', 3)] });
  expect(master.trace(0)).toEqual(['persist put x-S0 admitted', 'a2 reregistered x-S0']);
});

test('a report has a bounded number of parts, must end in time, and is passed over after a registration', () => {
  const master = new ScriptedMaster();
  const endless = master.agent();
  for (let i = 0; i <= reportPartCountMax; i += 1) endless.say(part({}));
  expect(master.trace(0).slice(-3)).toEqual(['a1 report-part-taken', 'a1 registration-refused', 'a1 closed']);
  master.agent().say(part({}));
  expect(master.trace(openingTimeoutMs)).toEqual(['a2 report-part-taken', 'a2 registration-refused', 'a2 closed']);
  const registered = master.registered();
  master.skip();
  registered.say(part({ tasks: [running('t', 1)] }));
  expect(master.trace(0)).toEqual([]);
  expect(master.core.counters.agentMessagesInvalid).toBe(1);
});
