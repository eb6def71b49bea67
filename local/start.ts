import { homeFolder, logsFolder } from './home.ts';
import { interruption } from './interruption.ts';
import { configuredPorts } from './ports.ts';
import { type LocalStack, startStack } from './stack.ts';

/** `npm start`: local mode until it is interrupted, or until a part of it ends. */
const main = async (): Promise<number> => {
  const began = Date.now();
  const interrupted = interruption();
  const home = homeFolder();
  const stack = await startStack({ home, ports: configuredPorts(), signal: interrupted.signal });
  greet(stack, Date.now() - began);
  const broken = await Promise.race([interrupted.happened, stack.broken]);
  if (typeof broken === 'string') console.error(`${broken} Logs: ${logsFolder(home)}`);
  await stack.stop();
  return typeof broken === 'string' ? 1 : 0;
};

const greet = ({ url, home, identity, isNew }: LocalStack, tookMs: number): void => {
  console.log(
    `Holdfast answers at ${url} (started in ${(tookMs / 1000).toFixed(1)} s). State: ${home}`,
  );
  if (isNew) {
    console.log('\nThis is the first start: a project and its token were made. The token is in');
    console.log(
      `${home}/identity.json, and the key that all backups are sealed with in ${home}/keys.`,
    );
    console.log('Keep a copy of the key somewhere else: without it nothing can be restored.\n');
  }
  console.log(`  project   ${identity.projectId}`);
  console.log(`  token     ${identity.token}`);
  console.log(
    `\n  curl -H 'X-Auth-Token: ${identity.token}' ${url}/v3/${identity.projectId}/vaults`,
  );
  console.log('\nStop with Ctrl-C.');
};

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
