import { OPERATION_LOG_ROUTES as routes } from '../../lib/api/operation-log-routes.ts';
import { apiPorts } from '../../lib/runtime/containers.ts';
import { httpFunction, on } from '../../lib/runtime/http-function.ts';
import { cancelTask } from '../../lib/service/cancel-task.ts';
import { listTasks } from '../../lib/service/list-tasks.ts';
import { showTask } from '../../lib/service/show-task.ts';

export const createHandler = httpFunction(
  on(routes.list, listTasks),
  on(routes.show, showTask),
  on(routes.cancel, cancelTask),
);

export const handler = createHandler(apiPorts);
