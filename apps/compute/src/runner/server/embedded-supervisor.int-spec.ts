import { buildOnce } from '../../model-server/contract/test-server.js';
import { processesBelow } from '../testing/process-tree.js';
import { describeSupervisor } from '../testing/supervisor-contract.js';
import { Backoff } from './backoff.js';
import { EmbeddedModelServer } from './embedded-model-server.supervisor.js';
import { modelServerMain } from './model-server-main.js';

describeSupervisor('the embedded model server', (modelRepository) => {
  buildOnce();
  const supervisor = new EmbeddedModelServer({
    mainFile: modelServerMain(),
    modelRepository,
    startTimeoutMs: 10_000,
    stopGraceMs: 1_000,
    killAnswerMs: 1_000,
    backoff: new Backoff({ firstMs: 20, longestMs: 200, resetAfterMs: 60_000, random: () => 0 }),
    logger: { info: () => undefined, warn: () => undefined },
  });
  return {
    supervisor,
    serverProcess: () => supervisor.processId,
    modelProcesses: (name) =>
      processesBelow(supervisor.processId ?? -1)
        .filter(({ command }) => command.includes(`model-child.js ${name} `))
        .map(({ pid }) => pid),
  };
});
