import { dataWorld } from '../lib/runtime/containers.ts';
import { vaultWorker } from '../lib/runtime/worker-function.ts';
import { collectVault } from '../lib/service/collect-vault.ts';

export const handler = vaultWorker(collectVault, dataWorld);
