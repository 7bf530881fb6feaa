import { runMain } from '#node';
import { startBridge } from './app.js';

await runMain('bridge', startBridge);
