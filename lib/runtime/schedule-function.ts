import type { DataPorts } from '../service/data-ports.ts';

/** A function that a schedule fires: its event says nothing that matters. */
export const scheduleFunction =
  (run: (ports: DataPorts) => Promise<object>, world: () => { ports: DataPorts }) =>
  async (): Promise<object> => {
    const { ports } = world();
    try {
      return await run(ports);
    } catch (error) {
      ports.probe.problem('schedule.failed', error);
      throw error;
    }
  };
