/** Sorted set: when (Redis's clock, ms) any index instance last heard each node. Expires when no index is left. */
export const heardKey = (clusterId: string): string => `${clusterId}:index:heard`;
