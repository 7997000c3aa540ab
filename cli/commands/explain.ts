// allot explain: why a framework is or is not offered things.
//
// Owns:      the arguments, what is printed around the explanations.
// Elsewhere: the explanations (common/model/explanation.ts), their sentences (../explanation-text.ts), asking (../master-client.ts), JSON (../json.ts).

import { checkAgentId, checkFrameworkId } from '../../common/model/ids';
import { checkRole } from '../../common/model/role';
import { optionTable, refusalError } from '../../common/options';
import { defineCommand } from '../command';
import { formatDetails, formatSummary } from '../explanation-text';
import { formatJson } from '../json';
import { jsonFlag, masterFlag, withMaster } from '../master-flag';

export const explainCommand = defineCommand({
  table: optionTable('explain', {
    master: masterFlag,
    role: { type: 'string', optional: true, parse: checkRole, group: 'Question', description: 'Only this role of the framework; by default each' },
    agent: { type: 'string', optional: true, parse: checkAgentId, group: 'Question', description: 'Only the agent with this id, with everything that counts; by default all, summed up' },
    json: jsonFlag,
  }),
  summary: 'Say why a framework is or is not offered what agents have',
  positionals: [{ name: 'framework', description: 'the id of a framework, as allot frameworks shows it' }],
  examples: [
    ['allot explain 4f…-0001', 'how many agents for which reason, most frequent first'],
    ['allot explain 4f…-0001 --role batch --agent 4f…-S3', 'one agent: the reason, what is free, who holds the rest, whose turn it is'],
  ],
  run: async ({ master, role, agent, json }, { positionals: [text] }, context) => {
    const frameworkId = checkFrameworkId(text, '<framework>');
    if (!frameworkId.ok) throw refusalError(frameworkId);
    const question = { kind: 'explain', frameworkId: frameworkId.value, ...(role === undefined ? {} : { role }), ...(agent === undefined ? {} : { agentId: agent }) } as const;
    const { frameworkName, explanations, omittedCount } = await withMaster(master, context, (client) => client.ask(question, 'explanations', context.stop));
    if (json) {
      context.print(formatJson(explanations));
    } else {
      const roles = [...new Set(explanations.map((explanation) => explanation.role))];
      const parts = roles.map((name) => {
        const ofRole = explanations.filter((explanation) => explanation.role === name);
        const subject = `Framework ${frameworkId.value} (${frameworkName}) in role ${name}`;
        const [first] = ofRole;
        return agent === undefined || first === undefined ? `${subject}\n${formatSummary(ofRole)}` : `${subject}, agent ${agent} (${first.hostname})\n${formatDetails(first)}`;
      });
      context.print(parts.length === 0 ? 'There is nothing to explain: no agent is there, or the framework has no role\n' : parts.join('\n'));
    }
    if (omittedCount > 0) context.remark(`allot: ${omittedCount} more agents and roles are left out; name one with --role or --agent\n`);
    return 0;
  },
});
