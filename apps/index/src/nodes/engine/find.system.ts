import type { NodeEntry, NodeId, ServiceName } from '#contracts';

export interface FindRequest {
  readonly service: ServiceName;
  readonly model?: string | undefined;
  readonly version?: string | undefined;
}

export interface FindAnswer {
  readonly candidates: NodeEntry[];
  readonly refused: { readonly nodeId: NodeId; readonly reason: string }[];
}

/** Why a node of the service cannot serve this now; undefined where it can. */
function refusal(entry: NodeEntry, { model, version }: FindRequest): string | undefined {
  if (entry.membership !== 'admitted') return `its membership is ${entry.membership}`;
  if (entry.health !== 'alive') return `it is ${entry.health}`;
  if (entry.load?.draining) return 'it takes no new work';
  if (model === undefined) return undefined;
  const served = entry.models.filter(
    (each) => each.name === model && (version === undefined || each.version === version),
  );
  if (served.length === 0) return `it does not serve ${model}${version === undefined ? '' : ` ${version}`}`;
  return served.some((each) => each.ready) ? undefined : `${model} is not ready there`;
}

const cost = ({ load }: NodeEntry): number =>
  load ? (1 + load.inFlight / load.capacity) * (1 + load.loopDelayMs) : Number.POSITIVE_INFINITY;

/** Candidates, least burdened first, and for each other node of the service the reason. */
export function findNodes(entries: readonly NodeEntry[], request: FindRequest): FindAnswer {
  const candidates: NodeEntry[] = [];
  const refused: { nodeId: NodeId; reason: string }[] = [];
  for (const entry of entries) {
    if (!entry.manifest.services.includes(request.service)) continue;
    const reason = refusal(entry, request);
    if (reason === undefined) candidates.push(entry);
    else refused.push({ nodeId: entry.nodeId, reason });
  }
  candidates.sort((a, b) => cost(a) - cost(b));
  return { candidates, refused };
}
