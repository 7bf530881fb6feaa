import type { PriceList } from '#contracts';

/** Every price list that ever was in force. */
export interface PriceStore {
  latest(): Promise<PriceList | undefined>;
  /** Appends; false where another replica was first with this version. */
  append(list: PriceList): Promise<boolean>;
}
