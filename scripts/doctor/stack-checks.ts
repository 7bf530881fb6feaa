import { type Check, fine, type ProcessAddress, wrong } from './check.js';
import { scrape } from './metric-checks.js';

/** What a cluster on this machine is asked of its data folder, of a stack whose folders only its own containers see. */
export function stackChecks(stack: readonly ProcessAddress[]): Check[] {
  const told = async (metric: string) =>
    (await scrape(stack)).flatMap(({ name, samples }) =>
      samples.filter((sample) => sample.name === metric).map(({ value }) => ({ name, value })),
    );
  const names = (found: readonly { name: string }[]) => [...new Set(found.map(({ name }) => name))].join(', ');
  const silent = () => wrong('no service tells of it', 'look into their logs: a query for it fails');
  return [
    {
      name: 'processes',
      alert: 'WatershedProcessDown',
      run: async () => {
        const quiet = (await scrape(stack)).filter(({ samples }) => samples.length === 0);
        return quiet.length === 0
          ? fine(`${names(stack)} run and give metrics`)
          : wrong(`${names(quiet)} give no metrics`, 'look into the log of each: docker compose logs <name>');
      },
    },
    {
      name: 'data folder',
      alert: 'WatershedDataFolderGone',
      needs: 'processes',
      run: async () => {
        const found = await told('watershed_data_folder_present');
        const gone = found.filter(({ value }) => value === 0);
        if (found.length === 0) return silent();
        return gone.length === 0
          ? fine('every service has its volume')
          : wrong(`${names(gone)} have none`, 'mount the volume again, then restart the container');
      },
    },
    {
      name: 'secret files',
      alert: 'WatershedSecretsReadable',
      needs: 'processes',
      run: async () => {
        const found = await told('watershed_open_secret_files');
        const open = found.filter(({ value }) => value > 0);
        if (found.length === 0) return silent();
        return open.length === 0
          ? fine('readable by their owner alone')
          : wrong(`others may read files of ${names(open)}`, 'chmod 600 them, and rotate what they hold');
      },
    },
    {
      name: 'disk',
      alert: 'WatershedDiskFilling',
      needs: 'processes',
      run: async () => {
        const found = await told('watershed_disk_free_bytes');
        if (found.length === 0) return silent();
        const freeMb = Math.floor(Math.min(...found.map(({ value }) => value)) / 2 ** 20);
        return freeMb > 1024
          ? fine(`${(freeMb / 1024).toFixed(1)} GB free`)
          : wrong(`${freeMb} MB free under ${names(found.filter(({ value }) => value < 2 ** 30))}`, 'make room');
      },
    },
  ];
}
