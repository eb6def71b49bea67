import { PROTECTABLE_ROUTES as routes } from '../../lib/api/protectable-routes.ts';
import { apiPorts } from '../../lib/runtime/containers.ts';
import { httpFunction, on } from '../../lib/runtime/http-function.ts';
import { listProtectables } from '../../lib/service/list-protectables.ts';
import { showProtectable } from '../../lib/service/show-protectable.ts';

export const createHandler = httpFunction(
  on(routes.list, listProtectables),
  on(routes.show, showProtectable),
);

export const handler = createHandler(apiPorts);
