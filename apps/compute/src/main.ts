import { runMain } from '#node';
import { startOrchestrator, startRunner } from './app.js';

const role = process.argv[2];
if (role === 'orchestrator') await runMain('orchestrator', startOrchestrator);
else if (role === 'runner') await runMain('runner', startRunner);
else {
  console.error('main.js takes the role of this process: orchestrator or runner');
  process.exitCode = 2;
}
