import { apiPorts } from '../../lib/runtime/containers.ts';
import { httpFunction } from '../../lib/runtime/http-function.ts';

export const createHandler = httpFunction();

export const handler = createHandler(apiPorts);
