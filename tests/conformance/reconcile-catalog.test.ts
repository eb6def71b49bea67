import { onEveryCatalog } from '../support/catalogs-under-test.ts';
import { reconcileCatalogSuite } from './reconcile-catalog.suite.ts';

onEveryCatalog(reconcileCatalogSuite);
