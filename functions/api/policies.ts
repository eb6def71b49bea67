import { POLICY_ROUTES as routes } from '../../lib/api/policy-routes.ts';
import { RETENTION_PREVIEW } from '../../lib/api/retention-preview-route.ts';
import { apiPorts } from '../../lib/runtime/containers.ts';
import { httpFunction, on } from '../../lib/runtime/http-function.ts';
import { createPolicy } from '../../lib/service/create-policy.ts';
import { deletePolicy } from '../../lib/service/delete-policy.ts';
import { listPolicies } from '../../lib/service/list-policies.ts';
import { previewRetention } from '../../lib/service/preview-retention.ts';
import { showPolicy } from '../../lib/service/show-policy.ts';
import { updatePolicy } from '../../lib/service/update-policy.ts';

export const createHandler = httpFunction(
  on(routes.create, createPolicy),
  on(routes.list, listPolicies),
  on(routes.show, showPolicy),
  on(routes.update, updatePolicy),
  on(routes.remove, deletePolicy),
  on(RETENTION_PREVIEW, previewRetention),
);

export const handler = createHandler(apiPorts);
