import { onEveryCatalog } from '../support/catalogs-under-test.ts';
import { garbageCatalogSuite } from './garbage-catalog.suite.ts';

onEveryCatalog(garbageCatalogSuite);
