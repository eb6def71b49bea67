import { BACKUP_ROUTES } from './backup-routes.ts';
import { CHECKPOINT_ROUTES } from './checkpoint-routes.ts';
import { COST_REPORT } from './cost-report-route.ts';
import { DISK_ROUTES } from './disk-routes.ts';
import { FEATURE_ROUTES } from './feature-routes.ts';
import { OPERATION_LOG_ROUTES } from './operation-log-routes.ts';
import { POLICY_ROUTES } from './policy-routes.ts';
import { PROJECT_ROUTES } from './project-routes.ts';
import { PROTECTABLE_ROUTES } from './protectable-routes.ts';
import { RETENTION_PREVIEW } from './retention-preview-route.ts';
import type { RouteFacts } from './route.ts';
import { TOKEN_ROUTES } from './token-routes.ts';
import { VAULT_FLEET_ROUTES } from './vault-fleet-routes.ts';
import { VAULT_POLICY_ROUTES } from './vault-policy-routes.ts';
import { VAULT_ROUTES } from './vault-routes.ts';
import { VAULT_TAG_ROUTES } from './vault-tag-routes.ts';
import { VERSION_ROUTES } from './version-routes.ts';

/** All routes of the API, by noun: one function each (docs/adr/0003). */
export const ROUTES_BY_NOUN: Record<string, readonly RouteFacts[]> = {
  vaults: [
    ...[
      VAULT_ROUTES,
      VAULT_FLEET_ROUTES,
      VAULT_POLICY_ROUTES,
      VAULT_TAG_ROUTES,
    ].flatMap<RouteFacts>(Object.values),
    COST_REPORT,
  ],
  checkpoints: Object.values(CHECKPOINT_ROUTES),
  backups: Object.values(BACKUP_ROUTES),
  policies: [...Object.values(POLICY_ROUTES), RETENTION_PREVIEW],
  'operation-logs': Object.values(OPERATION_LOG_ROUTES),
  features: Object.values(FEATURE_ROUTES),
  protectables: Object.values(PROTECTABLE_ROUTES),
  tokens: [TOKEN_ROUTES, PROJECT_ROUTES].flatMap<RouteFacts>(Object.values),
  disks: Object.values(DISK_ROUTES),
  versions: Object.values(VERSION_ROUTES),
};
