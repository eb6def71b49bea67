import * as z from 'zod';
import { DOMAIN } from '../model/domain.ts';
import type { ProjectId } from '../model/ids.ts';
import { NOTHING, route } from './route.ts';

/** Which projects there are, as far as a credential may know: its own (spec section 9.7). */

const tag = 'Projects';

const links = z.object({ self: z.string() }).meta({ id: 'SelfLinksInfo' });

const list = route({
  method: 'GET',
  path: '/v3/region-projects',
  operationId: 'ListProjects',
  summary: "List the credential's projects: its own",
  tag,
  action: 'cbr:projects:list',
  query: NOTHING,
  body: null,
  status: 200,
  response: z
    .object({
      projects: z.array(
        z
          .object({
            id: z.string(),
            name: z.string(),
            description: z.string(),
            domain_id: z.string(),
            parent_id: z.string(),
            enabled: z.boolean(),
            is_domain: z.boolean(),
            links,
          })
          .meta({ id: 'ProjectsListInfo' }),
      ),
      links,
    })
    .meta({ id: 'ListProjectsResp' }),
  errors: [],
  command: () => ({}),
  answer: (projectIds: ProjectId[]) => ({
    projects: projectIds.map((id) => ({
      id,
      name: id,
      description: '',
      domain_id: DOMAIN.id,
      parent_id: DOMAIN.id,
      enabled: true,
      is_domain: false,
      links: { self: `/v3/domain/${id}` },
    })),
    links: { self: '/v3/region-projects' },
  }),
});

const listOfDomain = route({
  method: 'GET',
  path: '/v3/domain/{domain_name}/projects',
  operationId: 'ListDomainProjects',
  summary: 'List the projects of a domain that the credential may see',
  tag,
  action: 'cbr:projects:list',
  query: NOTHING,
  body: null,
  status: 200,
  response: z
    .object({
      projects: z.array(
        z
          .object({ project_id: z.string(), project_name: z.string() })
          .meta({ id: 'DomainProjectsInfo' }),
      ),
    })
    .meta({ id: 'ListDomainProjectsResp' }),
  errors: ['Holdfast.NotFound'],
  command: ({ path }) => ({ domainName: path.domain_name }),
  answer: (projectIds: ProjectId[]) => ({
    projects: projectIds.map((id) => ({ project_id: id, project_name: id })),
  }),
});

const showDomain = route({
  method: 'GET',
  path: '/v3/domain/{source_project_id}',
  operationId: 'ShowDomain',
  summary: 'Show the domain of a project',
  tag,
  action: 'cbr:projects:get',
  query: NOTHING,
  body: null,
  status: 200,
  response: z
    .object({
      domain_id: z.string(),
      domain_name: z.string(),
      project_id: z.string(),
      project_name: z.string(),
    })
    .meta({ id: 'DomainResp' }),
  errors: ['Holdfast.NotFound'],
  command: ({ path }) => ({ projectId: path.source_project_id }),
  answer: (projectId: ProjectId) => ({
    domain_id: DOMAIN.id,
    domain_name: DOMAIN.name,
    project_id: projectId,
    project_name: projectId,
  }),
});

export const PROJECT_ROUTES = { list, listOfDomain, showDomain };
