import { PROJECT_ROUTES as projects } from '../../lib/api/project-routes.ts';
import { TOKEN_ROUTES as tokens } from '../../lib/api/token-routes.ts';
import { apiPorts } from '../../lib/runtime/containers.ts';
import { httpFunction, on } from '../../lib/runtime/http-function.ts';
import { issueToken } from '../../lib/service/issue-token.ts';
import { listProjects } from '../../lib/service/list-projects.ts';
import { showProject } from '../../lib/service/show-project.ts';

/** What a credential is good for: tokens, and its project. */
export const createHandler = httpFunction(
  on(tokens.create, issueToken),
  on(projects.list, listProjects),
  on(projects.listOfDomain, listProjects),
  on(projects.showDomain, showProject),
);

export const handler = createHandler(apiPorts);
