import * as z from 'zod';
import type { Page } from '../model/details.ts';
import type { Disk } from '../model/disk.ts';
import type { OperationLog } from '../model/operation-log.ts';
import { description, freeName, idField, time } from './fields.ts';
import { PAGE_WITH_MARKER, pageOf, texts } from './query.ts';
import { NOTHING, route } from './route.ts';
import { timeText, toGb } from './units.ts';

/**
 * Disks, as the block storage service has them: CBR itself has no restore to a new disk, clients
 * use this path for it (spec sections 7.2 and 9.9).
 */
const VOLUMES = '/v3/{project_id}/cloudvolumes';
const VOLUME = '/v3/{project_id}/cloudvolumes/{volume_id}';
const tag = 'Disks';

const createRequest = z
  .object({
    volume: z.object({
      backup_id: idField.meta({ description: 'The backup that the disk is filled from.' }),
      name: freeName.optional(),
      description: description.optional(),
      size: z.int().min(1).max(65_536).optional().meta({
        description: 'In GB; default: exactly the size of the disk that was backed up.',
      }),
      availability_zone: z.string().min(1).max(64).optional(),
      count: z.literal(1, 'one disk is made at a time').optional(),
    }),
  })
  .meta({ id: 'CreateVolumeReq' });

const volume = z
  .object({
    id: z.string(),
    name: z.string(),
    size: z.int().meta({ description: 'In GB.' }),
    status: z.enum(['creating', 'available', 'in-use', 'restoring', 'error']),
    availability_zone: z.string(),
    bootable: z.enum(['true', 'false']),
    encrypted: z.boolean(),
    created_at: time,
  })
  .meta({ id: 'Volume' });

const create = route({
  method: 'POST',
  path: VOLUMES,
  alias: ['/v2/{project_id}/cloudvolumes'],
  operationId: 'CreateVolume',
  summary: 'Create a disk from a backup',
  tag,
  action: 'evs:volumes:create',
  query: NOTHING,
  body: createRequest,
  status: 202,
  response: z
    .object({ job_id: z.string(), volume_id: z.string(), volume_ids: z.array(z.string()) })
    .meta({ id: 'CreateVolumeResp' }),
  errors: ['BackupService.6200', 'BackupService.2005', 'BackupService.6202', 'BackupService.2001'],
  command: ({ body: { volume } }) => ({
    backupId: volume.backup_id,
    name: volume.name,
    sizeGib: volume.size,
    availabilityZone: volume.availability_zone,
  }),
  answer: ({ id, target }: Pick<OperationLog, 'id' | 'target'>) => {
    const diskId = target?.diskId ?? '';
    return { job_id: id, volume_id: diskId, volume_ids: [diskId] };
  },
});

const list = route({
  method: 'GET',
  path: VOLUMES,
  alias: [`${VOLUMES}/detail`],
  operationId: 'ListVolumes',
  summary: 'List disks',
  tag,
  action: 'evs:volumes:list',
  query: z.object({
    ...PAGE_WITH_MARKER,
    name: z.string().optional(),
    status: texts.optional(),
    availability_zone: z.string().optional(),
  }),
  body: null,
  status: 200,
  response: z.object({ volumes: z.array(volume), count: z.int() }).meta({ id: 'ListVolumesResp' }),
  errors: [],
  command: ({ query }) => ({
    page: pageOf(query),
    name: query.name,
    status: query.status,
    availabilityZone: query.availability_zone,
  }),
  answer: ({ items, count }: Page<Disk>) => ({ volumes: items.map(volumeJson), count }),
});

const show = route({
  method: 'GET',
  path: VOLUME,
  operationId: 'ShowVolume',
  summary: 'Show a disk',
  tag,
  action: 'evs:volumes:get',
  query: NOTHING,
  body: null,
  status: 200,
  response: z.object({ volume }).meta({ id: 'ShowVolumeResp' }),
  errors: ['BackupService.7000'],
  command: ({ path }) => ({ diskId: path.volume_id }),
  answer: (disk: Disk) => ({ volume: volumeJson(disk) }),
});

const volumeJson = (disk: Disk): z.input<typeof volume> => ({
  id: disk.id,
  name: disk.name,
  size: toGb(disk.sizeBytes),
  status: disk.status,
  availability_zone: disk.availabilityZone,
  bootable: disk.bootable ? 'true' : 'false',
  encrypted: disk.encrypted,
  created_at: timeText(disk.createdAtMs),
});

export const DISK_ROUTES = { create, list, show };
