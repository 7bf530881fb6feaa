import { runMain } from '#node';
import { startPodHost } from './app.js';

await runMain('pod-host', startPodHost);
