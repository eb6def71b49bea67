import { dataWorld } from '../lib/runtime/containers.ts';
import { vaultWorker } from '../lib/runtime/worker-function.ts';
import { auditVault } from '../lib/service/audit-vault.ts';

export const handler = vaultWorker(auditVault, dataWorld);
