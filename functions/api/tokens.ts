import { TOKEN_ROUTES as routes } from '../../lib/api/token-routes.ts';
import { apiPorts } from '../../lib/runtime/containers.ts';
import { httpFunction, on } from '../../lib/runtime/http-function.ts';
import { issueToken } from '../../lib/service/issue-token.ts';

export const createHandler = httpFunction(on(routes.create, issueToken));

export const handler = createHandler(apiPorts);
