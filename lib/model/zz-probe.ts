import { dynamoCatalog } from '../adapters/aws/dynamo-catalog/dynamo-catalog.ts'; import type { Clock } from '../ports/clock.ts'; export const x = (c: Clock) => dynamoCatalog;
