import { expect, it } from '@jest/globals';
import { API_FUNCTIONS, functionOf, send } from '../support/api.ts';
import { exampleEvent, exampleEvents, exampleWorld } from '../support/example-world.ts';

/** Walks the sample events of `events/api` through the real handlers. */

/** The status that each event is answered with: in the order of the files. */
const STATUSES: Record<string, number> = {
  'backups/delete-backup': 204,
  'backups/list-backups': 200,
  'backups/list-backups-badly': 400,
  'backups/rename-backup': 200,
  'backups/restore-backup': 202,
  'backups/restore-backup-to-other-disk': 400,
  'backups/show-backup': 200,
  'backups/show-metadata': 200,
  'backups/undelete-backup': 200,
  'backups/verify-backup': 202,
  'checkpoints/create-checkpoint': 200,
  'checkpoints/create-checkpoint-of-missing-vault': 404,
  'checkpoints/show-checkpoint': 200,
  'disks/create-disk-from-backup': 202,
  'disks/create-disk-from-backup-too-small': 400,
  'disks/list-disks': 200,
  'disks/show-disk': 200,
  'features/list-features': 200,
  'features/list-replication-capabilities': 200,
  'features/show-feature': 200,
  'features/show-unknown-feature': 400,
  'not-found/later-feature': 501,
  'not-found/nothing': 404,
  'operation-logs/cancel-ended-task': 409,
  'operation-logs/list-tasks': 200,
  'operation-logs/show-task': 200,
  'policies/create-policy': 200,
  'policies/create-policy-with-conflicting-retention': 400,
  'policies/delete-policy': 204,
  'policies/list-policies': 200,
  'policies/preview-retention': 200,
  'policies/show-policy': 200,
  'policies/show-policy-missing': 404,
  'policies/update-policy': 200,
  'protectables/list-protectable-servers': 400,
  'protectables/list-protectables': 200,
  'protectables/show-protectable': 200,
  'tokens/create-token': 201,
  'tokens/create-token-with-nothing': 401,
  'tokens/create-token-with-password': 400,
  'tokens/create-token-with-wrong-secret': 401,
  'tokens/list-domain-projects': 200,
  'tokens/list-projects': 200,
  'tokens/list-projects-of-missing-domain': 404,
  'tokens/show-domain': 200,
  'tokens/show-domain-of-other-project': 404,
  'vaults/add-resources': 200,
  'vaults/add-resources-bound': 400,
  'vaults/associate-policy': 200,
  'vaults/change-tags': 204,
  'vaults/create-tag': 204,
  'vaults/create-vault': 200,
  'vaults/create-vault-for-servers': 400,
  'vaults/create-vault-malformed': 400,
  'vaults/create-vault-signed': 200,
  'vaults/create-vault-signed-wrongly': 401,
  'vaults/delete-missing-tag': 404,
  'vaults/delete-tag': 204,
  'vaults/delete-vault-with-backups': 204,
  'vaults/dissociate-policy': 200,
  'vaults/dissociate-policy-not-applied': 404,
  'vaults/find-vaults-by-tags': 200,
  'vaults/list-external-vaults': 200,
  'vaults/list-project-tags': 200,
  'vaults/list-storage-usage': 200,
  'vaults/list-vaults': 200,
  'vaults/migrate-resources': 200,
  'vaults/migrate-resources-nowhere': 400,
  'vaults/remove-resources': 200,
  'vaults/report-costs': 200,
  'vaults/report-costs-badly': 400,
  'vaults/show-summary': 200,
  'vaults/show-tags': 200,
  'vaults/show-vault': 200,
  'vaults/show-vault-missing': 404,
  'vaults/show-vault-of-other-project': 404,
  'vaults/show-vault-without-token': 401,
  'vaults/suspend-resources': 200,
  'vaults/update-all-vaults': 200,
  'vaults/update-vault': 200,
  'versions/list-versions': 300,
  'versions/show-version': 200,
};

it('there are events for every function, and a status for every event', () => {
  const names = exampleEvents();
  const functions = new Set(names.map((name) => name.split('/')[0]));
  expect(functions).toEqual(new Set(Object.keys(API_FUNCTIONS)));
  expect(names.toSorted()).toEqual(Object.keys(STATUSES));
});

it.each(Object.entries(STATUSES))('%s is answered with %d', async (name, status) => {
  const event = exampleEvent(name);
  expect(functionOf(event)).toBe(name.split('/')[0]);
  expect((await send(event, await exampleWorld())).status).toBe(status);
});
