import type { ApiClient } from './api-client.ts';

/** What the command takes from the command line. */
export interface CostOptions {
  from?: string;
  to?: string;
  by?: string;
}

interface Used {
  capacity_gb_hours: number;
  stored_gb_hours: number;
  storage_cost: number;
  requests_cost: number;
  cost: number;
}

/** The API's answer, as far as it is printed. */
interface Report {
  from: string;
  to: string;
  group_by: string;
  groups: (Used & { key: string | null; name: string | null })[];
  total: Used;
  carried_hours: number;
  forecast: (Used & { days: number; based_on_days: number; stored_gb: number }) | null;
  hints: { vault_id: string; name: string; hint: string }[];
  prices: { as_of: string; region: string; currency: string };
  remarks: string[];
}

/** What the vaults have used and cost: the API's answer, or a line for each part of it. */
export const reportCostsOf = async (
  api: ApiClient,
  { from, to, by = 'vault' }: CostOptions,
  asJson: boolean,
): Promise<object> => {
  const query = new URLSearchParams({ group_by: by });
  if (from !== undefined) query.set('from', moment('from', from));
  if (to !== undefined) query.set('to', moment('to', to));
  const report = await api.call<Report>('GET', `cost-report?${query.toString()}`);
  return asJson ? report : shownReport(report);
};

/** A date is the beginning of that day, in UTC. */
const moment = (name: string, text: string): string => {
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) throw new Error(`--${name} is a date such as 2026-02-01 (UTC).`);
  return new Date(atMs).toISOString();
};

const shownReport = (report: Report): object => {
  const { as_of, region, currency } = report.prices;
  const line = (used: Used): string =>
    `${money(used.cost)} ${currency} (storage ${money(used.storage_cost)}, requests ` +
    `${money(used.requests_cost)}); capacity ${hours(used.capacity_gb_hours)} GB h, ` +
    `stored ${hours(used.stored_gb_hours)} GB h`;
  const { forecast } = report;
  return {
    period: `${report.from} to ${report.to}`,
    ...Object.fromEntries(
      report.groups.map((group) => [
        group.key ?? `no ${report.group_by}`,
        `${group.name === null ? '' : `${group.name}: `}${line(group)}`,
      ]),
    ),
    total: line(report.total),
    ...(report.carried_hours > 0 && {
      notSampled: `${hours(report.carried_hours)} hours of vaults: what they held before counts`,
    }),
    forecast:
      forecast === null
        ? 'none: there are less than 7 whole days to make it from, or no vault'
        : `${forecast.days} days, from the last ${forecast.based_on_days}: ${line(forecast)}, ` +
          `${forecast.stored_gb} GB at the end`,
    ...Object.fromEntries(
      report.hints.map(({ vault_id, name, hint }) => [`hint ${vault_id}`, `${name}: ${hint}`]),
    ),
    prices: `of ${as_of}, ${region}; lib/model/prices.ts`,
    ...Object.fromEntries(report.remarks.map((remark, n) => [`remark ${n + 1}`, remark])),
  };
};

const money = (amount: number): string => amount.toFixed(4);

const hours = (amount: number): string => amount.toFixed(1);
