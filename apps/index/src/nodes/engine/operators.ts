import type { Operator, PublicJwk } from '#contracts';
import { thumbprintOf } from '#sigil';

/** The operators whose signatures under manifests count: the genesis's, and those that governance lists. */
export class OperatorKeys {
  private readonly genesisId: string;
  private listed = new Map<string, PublicJwk>();

  constructor(private readonly genesis: PublicJwk) {
    this.genesisId = thumbprintOf(genesis);
  }

  isGenesis(operatorId: string): boolean {
    return operatorId === this.genesisId;
  }

  of(operatorId: string): PublicJwk | undefined {
    return this.listed.get(operatorId) ?? (this.isGenesis(operatorId) ? this.genesis : undefined);
  }

  /** Governance's list replaces what was known; an id that is not its key's thumbprint is left out. */
  replace(operators: readonly Operator[]): void {
    this.listed = new Map(
      operators
        .filter(({ operatorId, key }) => thumbprintOf(key) === operatorId)
        .map(({ operatorId, key }) => [operatorId, key]),
    );
  }
}
