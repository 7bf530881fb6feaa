import type { Api } from '../watershed/api.js';

/** What a check found: fine, fine for a while yet, or what is wrong and what to do about it. */
export type Finding =
  | { readonly ok: true; readonly seen: string /** What to do before it goes wrong. */; readonly soon?: string }
  | { readonly ok: false; readonly wrong: string; readonly remedy: string };

export interface Check {
  readonly name: string;
  /** The rule of `monitoring/alerts.yml` that watches for the same. */
  readonly alert: string;
  /** Checks that only say something when this one is fine are left out where it is not. */
  readonly needs?: string;
  run(): Promise<Finding>;
}

/** Where one process of the cluster gives its metrics. */
export interface ProcessAddress {
  readonly name: string;
  readonly metricsUrl: string;
}

export interface CheckContext {
  /** The services of a compose stack, seen from inside; absent for a cluster that `npm start` runs on this machine. */
  readonly stack?: readonly ProcessAddress[];
  readonly dataFolder: string;
  readonly url: string;
  readonly api: Api;
}

export const fine = (seen: string): Finding => ({ ok: true, seen });
export const fineForNow = (seen: string, soon: string): Finding => ({ ok: true, seen, soon });
export const wrong = (what: string, remedy: string): Finding => ({ ok: false, wrong: what, remedy });
