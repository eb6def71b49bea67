import { CHECKPOINT_ROUTES as routes } from '../../lib/api/checkpoint-routes.ts';
import { apiPorts } from '../../lib/runtime/containers.ts';
import { httpFunction, on } from '../../lib/runtime/http-function.ts';
import { createCheckpoint } from '../../lib/service/create-checkpoint.ts';
import { showCheckpoint } from '../../lib/service/show-checkpoint.ts';

export const createHandler = httpFunction(
  on(routes.create, createCheckpoint),
  on(routes.show, showCheckpoint),
);

export const handler = createHandler(apiPorts);
