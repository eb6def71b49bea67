import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { homeFolder } from './home.ts';
import { endLeftovers } from './leftovers.ts';

/** `npm run reset`: ends what is left of local mode and removes its state. */
const home = homeFolder();
if (!existsSync(home)) console.log(`There is nothing in ${home}.`);
else if (existsSync(join(home, 'identity.json'))) {
  await endLeftovers(home);
  await rm(home, { recursive: true });
  console.log(`Removed ${home}: all local vaults, disks and keys are gone.`);
} else {
  console.error(`${home} does not look like a Holdfast home; nothing was removed.`);
  process.exitCode = 1;
}
