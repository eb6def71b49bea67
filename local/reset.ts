import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { homeFolder, identityFile, takeHome } from './home.ts';
import { endLeftovers } from './leftovers.ts';

/** `npm run reset`: ends what is left of local mode and removes its state. */
const main = async (): Promise<number> => {
  const home = homeFolder();
  if (!existsSync(home)) {
    console.log(`There is nothing in ${home}.`);
    return 0;
  }
  if (!existsSync(identityFile(home))) {
    console.error(`${home} does not look like a Holdfast home; nothing was removed.`);
    return 1;
  }
  const release = await takeHome(home);
  await endLeftovers(home);
  await rm(home, { recursive: true });
  release();
  console.log(`Removed ${home}: all local vaults, disks and keys are gone.`);
  return 0;
};

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
