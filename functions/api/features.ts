import { FEATURE_ROUTES as routes } from '../../lib/api/feature-routes.ts';
import { apiPorts } from '../../lib/runtime/containers.ts';
import { httpFunction, on } from '../../lib/runtime/http-function.ts';
import {
  listFeatures,
  listReplicationCapabilities,
  showFeature,
} from '../../lib/service/list-features.ts';

export const createHandler = httpFunction(
  on(routes.list, listFeatures),
  on(routes.show, showFeature),
  on(routes.listReplicationCapabilities, listReplicationCapabilities),
);

export const handler = createHandler(apiPorts);
