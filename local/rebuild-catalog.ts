import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { LOCAL_ZONE } from '../lib/adapters/local/local-disks-volumes.ts';
import { homeFolder } from './home.ts';
import { openLocalStores } from './local-stores.ts';
import { reconcileStack, reconcileVaults } from './reconcile-command.ts';
import { withStores } from './stack.ts';

const USAGE = `npm run rebuild-catalog [-- options]   make the catalog anew from S3 and the master key

Local mode must be stopped. A catalog that is there is made to agree with S3; nothing in S3 changes, but for a vault's key that
is missing there.
It may be stopped at any time and run again.
  --dry-run                    say what would be done
  --home <folder>              local mode's state (default: .holdfast)
  --stage S --region R --bucket B   the stack holdfast-S instead, with your AWS credentials
  --json                       one JSON object`;

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: {
      'dry-run': { type: 'boolean' },
      home: { type: 'string' },
      stage: { type: 'string' },
      region: { type: 'string' },
      bucket: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const home = values.home === undefined ? homeFolder() : resolve(values.home);
  const answer =
    values.stage === undefined
      ? await withStores(home, async (endpoints) => {
          const { ports, close } = await openLocalStores(home, endpoints);
          const local = { ...ports, availabilityZone: LOCAL_ZONE };
          try {
            return await reconcileVaults(local, undefined, values, 0);
          } finally {
            close();
          }
        })
      : await reconcileStack(undefined, values);
  if (values.json) console.log(JSON.stringify(answer));
  else for (const [what, text] of Object.entries(answer)) console.log(`${what}  ${show(text)}`);
  return answer.failed === 0 ? 0 : 1;
};

const show = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
