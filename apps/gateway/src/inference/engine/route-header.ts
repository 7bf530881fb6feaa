/** `Watershed-Route`: where a request was served and by what. A local answer that no other node gave says `local`. */
export interface RouteTaken {
  readonly nodeId?: string;
  readonly region?: string;
  readonly model?: string;
  readonly version?: string;
  readonly attempts?: number;
}

export const localRoute = 'local';

export function routeHeader(route: RouteTaken): string {
  const parts = [localRoute];
  if (route.nodeId) parts.push(`node=${route.nodeId}`);
  if (route.region) parts.push(`region=${route.region}`);
  if (route.model) parts.push(`model=${route.model}`);
  if (route.version) parts.push(`version=${route.version}`);
  if (route.attempts && route.attempts > 1) parts.push(`attempts=${route.attempts}`);
  return parts.join('; ');
}
