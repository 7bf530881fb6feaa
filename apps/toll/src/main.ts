import { runMain } from '#node';
import { startToll } from './app.js';

await runMain('toll', startToll);
