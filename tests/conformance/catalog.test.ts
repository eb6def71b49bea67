import { onEveryCatalog } from '../support/catalogs-under-test.ts';
import { catalogSuite } from './catalog.suite.ts';

onEveryCatalog(catalogSuite);
