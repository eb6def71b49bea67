import * as z from 'zod';
import {
  type CostForecast,
  type CostReport,
  capacityHours,
  costOf,
  gibHours,
  type Usage,
} from '../model/cost-report.ts';
import { HOUR_MS } from '../model/duration.ts';
import { PRICES } from '../model/prices.ts';

import { time } from './fields.ts';
import { moment, PAGE } from './query.ts';
import { route } from './route.ts';
import { timeText, toGb } from './units.ts';

/** What the figures are and are not; with every answer, so that nobody takes it for a bill. */
const REMARKS = [
  'An estimate in list prices, not a bill: no discounts, free tiers or taxes.',
  'capacity_gb_hours is what CBR would bill. AWS does not charge for it.',
  'Storage: the bytes of packs and segments, looked at each hour; without noncurrent versions of ' +
    'what was deleted or replaced, and without what a deleted vault still holds.',
  'Requests: estimated from the stored, new and deduplicated bytes of the backups whose tasks are ' +
    'kept: PUTs of objects, writes and lookups of the dedup index.',
  'Not counted, so not in it: restores, verifications, collections and API calls; Lambda, KMS, ' +
    'data transfer, storage of DynamoDB, logs.',
];

const amount = z.number().meta({ description: 'In the currency of the prices.' });

const used = {
  capacity_gb_hours: z.number(),
  stored_gb_hours: z.number(),
  requests: z.object({ object_puts: z.int(), index_writes: z.int(), index_reads: z.int() }),
  storage_cost: amount,
  requests_cost: amount,
  cost: amount,
};

const response = z
  .object({
    from: time,
    to: time,
    group_by: z.string(),
    groups: z.array(
      z.object({
        key: z.string().nullable().meta({ description: 'Vault or value; null: without the tag.' }),
        name: z.string().nullable(),
        vault_count: z.int(),
        ...used,
      }),
    ),
    count: z.int(),
    limit: z.int(),
    offset: z.int(),
    total: z.object(used),
    carried_hours: z.number().meta({
      description: 'Hours of vaults whose stored bytes were not looked at: those of before count.',
    }),
    forecast: z
      .object({
        days: z.int(),
        based_on_days: z.int(),
        method: z.string(),
        stored_gb: z.int().meta({ description: 'At the end of it, in GB.' }),
        ...used,
      })
      .nullable()
      .meta({ description: 'Null with less than 7 whole days to make it from, or no vault.' }),
    hints: z.array(z.object({ vault_id: z.string(), name: z.string(), hint: z.string() })),
    prices: z.object({
      as_of: z.string(),
      region: z.string(),
      currency: z.string(),
      source: z.string(),
      storage_gb_month: z.number(),
      month_hours: z.number(),
      thousand_puts: z.number(),
      million_writes: z.number(),
      million_reads: z.number(),
    }),
    remarks: z.array(z.string()),
  })
  .meta({ id: 'CostReportResp' });

const TAG = 'tag:';

export const COST_REPORT = route({
  method: 'GET',
  path: '/v3/{project_id}/cost-report',
  operationId: 'ReportCosts',
  summary: 'What the vaults have used, what it costs, and a forecast (extension)',
  tag: 'Vaults',
  action: 'cbr:vaults:list',
  query: z.object({
    ...PAGE,
    from: moment.optional(),
    to: moment.optional(),
    group_by: z
      .string()
      .regex(/^(vault|tag:.{1,128})$/, 'must be vault, or tag: and the key of a tag')
      .default('vault')
      .meta({ example: 'tag:team' }),
  }),
  body: null,
  status: 200,
  response,
  errors: [],
  command: ({ query: { from, to, group_by: by, limit, offset } }) => ({
    fromMs: from,
    toMs: to,
    tagKey: by.startsWith(TAG) ? by.slice(TAG.length) : undefined,
    limit,
    offset,
  }),
  answer: (report: CostReport) => ({
    from: timeText(report.fromMs),
    to: timeText(report.toMs),
    group_by: report.by,
    groups: report.groups.map(({ key, name, vaultIds, usage }) => ({
      key,
      name,
      vault_count: vaultIds.length,
      ...usedJson(usage),
    })),
    count: report.count,
    limit: report.limit,
    offset: report.offset,
    total: usedJson(report.total),
    carried_hours: rounded(report.total.carriedMs / HOUR_MS),
    forecast: report.forecast && forecastJson(report.forecast),
    hints: report.idle.map(({ vaultId, name }) => ({
      vault_id: vaultId,
      name,
      hint: 'It protects no resource that exists, and is charged for until it is deleted.',
    })),
    prices: {
      as_of: PRICES.asOf,
      region: PRICES.region,
      currency: PRICES.currency,
      source: PRICES.source,
      storage_gb_month: PRICES.storageGibMonth,
      month_hours: PRICES.monthHours,
      thousand_puts: PRICES.thousandPuts,
      million_writes: PRICES.millionWrites,
      million_reads: PRICES.millionReads,
    },
    remarks: REMARKS,
  }),
});

const usedJson = (usage: Usage) => {
  const { storage, requests } = costOf(usage, PRICES);
  const { objectPuts, indexWrites, indexReads } = usage.requests;
  return {
    capacity_gb_hours: rounded(capacityHours(usage.capacityGibMs)),
    stored_gb_hours: rounded(gibHours(usage.storedByteMs)),
    requests: { object_puts: objectPuts, index_writes: indexWrites, index_reads: indexReads },
    storage_cost: rounded(storage),
    requests_cost: rounded(requests),
    cost: rounded(storage + requests),
  };
};

const forecastJson = ({ days, basedOnDays, storedBytes, usage }: CostForecast) => ({
  days,
  based_on_days: basedOnDays,
  method:
    'stored bytes on the straight line through the averages of the days before, capacity as it ' +
    'is, requests at the average of those days',
  stored_gb: toGb(storedBytes),
  ...usedJson(usage),
});

/** A millionth is more than the prices are worth. */
const rounded = (value: number): number => Math.round(value * 1e6) / 1e6;
