/** Where a manager's Muster serves its swarm facts. */
export const FACTS_PATH = "/v1/facts";
