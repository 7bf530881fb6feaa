import { runMain } from '#node';
import { startIndex } from './app.js';

await runMain('index', startIndex);
