import { runMain } from '#node';
import { startGovernance } from './app.js';

await runMain('governance', startGovernance);
