/**
 * Endpoints of CBR's table (spec section 9.3) that a later release will have. They answer 501 with
 * the feature's name, so that a client learns that the path is right and the release is not.
 */
const PATHS_BY_FEATURE: Record<string, readonly string[]> = {
  'Changing the charging mode of vaults': ['POST vaults/change-charge-mode'],
  'Creating a vault by order': ['POST vaults/order'],
  Replication: ['POST checkpoints/replicate', 'POST backups/{backup_id}/replicate'],
  'Importing backups': ['POST checkpoints/sync', 'POST backups/sync'],
  'Sharing backups': [
    'GET backups/{backup_id}/members',
    'POST backups/{backup_id}/members',
    'DELETE backups/{backup_id}/members/{member_id}',
    'GET backups/{backup_id}/members/{member_id}',
    'PUT backups/{backup_id}/members/{member_id}',
  ],
  'Organisation policies': [
    'GET organization-policies',
    'POST organization-policies',
    'DELETE organization-policies/{organization_policy_id}',
    'GET organization-policies/{organization_policy_id}',
    'PUT organization-policies/{organization_policy_id}',
    'GET organization-policies/{organization_policy_id}/policy-detail',
  ],
  'Backup agents': [
    'POST agent/check',
    'GET agents',
    'POST agents',
    'DELETE agents/{agent_id}',
    'GET agents/{agent_id}',
    'PUT agents/{agent_id}',
    'POST agents/{agent_id}/add-path',
    'POST agents/{agent_id}/remove-path',
  ],
  Orders: ['POST orders/change', 'PUT orders/{order_id}'],
};

/** The same of endpoints that are not a project's. */
const ABSOLUTE_PATHS_BY_FEATURE: Record<string, readonly string[]> = {
  'Migration from the older services': ['GET /v3/migrates', 'POST /v3/migrates'],
};

export interface LaterEndpoint {
  method: string;
  path: string;
  feature: string;
}

const endpoints = (table: Record<string, readonly string[]>, prefix: string): LaterEndpoint[] =>
  Object.entries(table).flatMap(([feature, entries]) =>
    entries.map((entry) => {
      const [method = '', path = ''] = entry.split(' ');
      return { method, path: `${prefix}${path}`, feature };
    }),
  );

export const LATER_ENDPOINTS: readonly LaterEndpoint[] = [
  ...endpoints(PATHS_BY_FEATURE, '/v3/{project_id}/'),
  ...endpoints(ABSOLUTE_PATHS_BY_FEATURE, ''),
];
