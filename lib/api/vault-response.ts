import type * as z from 'zod';
import type { Page, ResourceDetails, VaultDetails } from '../model/details.ts';
import { DISK_TYPE } from '../model/disk.ts';
import { PROVIDER_ID } from './fields.ts';
import { timeText, toGb, toMb } from './units.ts';
import type { vaultBody } from './vault-schemas.ts';

/** A vault as CBR writes it (spec Appendix A, Vault). */
export function vaultJson({ vault, usage, resources }: VaultDetails): z.input<typeof vaultBody> {
  return {
    id: vault.id,
    name: vault.name,
    description: vault.description,
    provider_id: PROVIDER_ID,
    project_id: vault.projectId,
    user_id: vault.userId,
    enterprise_project_id: vault.enterpriseProjectId,
    created_at: timeText(vault.createdAtMs),
    auto_bind: vault.autoBind,
    bind_rules: vault.bindRules,
    auto_expand: vault.autoExpand,
    locked: vault.locked,
    smn_notify: vault.smnNotify,
    threshold: vault.threshold,
    tags: vault.tags,
    ...(vault.backupNamePrefix === undefined ? {} : { backup_name_prefix: vault.backupNamePrefix }),
    billing: {
      allocated: toGb(resources.reduce((sum, { binding }) => sum + binding.sizeBytes, 0)),
      used: toMb(usage.usedBytes),
      size: vault.sizeGib,
      status: vault.status,
      charging_mode: vault.chargingMode,
      cloud_type: 'public',
      consistent_level: vault.consistentLevel,
      object_type: vault.objectType,
      protect_type: vault.protectType,
      spec_code: 'vault.backup.volume.normal',
      is_multi_az: false,
      frozen_scene: null,
      storage_unit: null,
      order_id: '',
      product_id: '',
    },
    resources: resources.map(resourceJson),
  };
}

/** A page of vaults. */
export const vaultsJson = ({ items, count, limit, offset }: Page<VaultDetails>) => ({
  vaults: items.map(vaultJson),
  count,
  limit,
  offset,
});

const resourceJson = ({ binding, backupCount, backupBytes }: ResourceDetails) => ({
  id: binding.diskId,
  type: DISK_TYPE,
  name: binding.name,
  size: toGb(binding.sizeBytes),
  backup_size: toMb(backupBytes),
  backup_count: backupCount,
  protect_status: protectStatus(binding),
  auto_protect: !binding.suspended,
  extra_info: {},
});

/** A disk that a task backs up right now is `protecting`. */
export const protectStatus = (
  binding: ResourceDetails['binding'] | undefined,
): 'protecting' | 'available' => (binding?.protectingTaskId ? 'protecting' : 'available');
