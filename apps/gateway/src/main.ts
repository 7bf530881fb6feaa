import { runMain } from '#node';
import { startGateway } from './app.js';

await runMain('gateway', startGateway);
