import { VERSION_ROUTES as routes } from '../../lib/api/version-routes.ts';
import { apiPorts } from '../../lib/runtime/containers.ts';
import { httpFunction, on } from '../../lib/runtime/http-function.ts';

export const createHandler = httpFunction(
  on(routes.list, async () => undefined),
  on(routes.show, async () => undefined),
);

export const handler = createHandler(apiPorts);
