import { runMain } from '#node';
import { startRegistry } from './app.js';

await runMain('registry', startRegistry);
