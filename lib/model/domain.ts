/**
 * There are no domains here. Where CBR's API names one, it is the one that Keystone has without
 * being asked, and all projects are in it.
 */
export const DOMAIN = { id: 'default', name: 'Default' } as const;
