import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Seconds, from a fast bus call to a slow model. */
const durationBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * One app's metrics in a registry of its own. Names get the prefix `watershed_`; units stand in the name
 * (`_seconds`, `_bytes`, `_total`). Asking for a name again gives the metric that is there. No label may hold an id of
 * a person or anything they sent.
 */
export interface Metrics {
  readonly registry: Registry;
  counter<Label extends string = never>(name: string, help: string, labelNames?: readonly Label[]): Counter<Label>;
  gauge<Label extends string = never>(
    name: string,
    help: string,
    labelNames?: readonly Label[],
    /** Called at each scrape, to set what is only known then. */
    collect?: (gauge: Gauge<Label>) => void | Promise<void>,
  ): Gauge<Label>;
  histogram<Label extends string = never>(
    name: string,
    help: string,
    labelNames?: readonly Label[],
    buckets?: readonly number[],
  ): Histogram<Label>;
}

/** What cannot be asked now is a gap in this one series; the scrape goes on. */
async function orGap<Label extends string>(
  gauge: Gauge<Label>,
  labelled: boolean,
  collect: (gauge: Gauge<Label>) => void | Promise<void>,
): Promise<void> {
  try {
    await collect(gauge);
  } catch {
    if (labelled) gauge.reset();
    else gauge.remove();
  }
}

export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  const known = new Map<string, unknown>();
  const once = <Metric>(name: string, make: (fullName: string) => Metric): Metric => {
    const existing = known.get(name);
    if (existing !== undefined) return existing as Metric;
    const metric = make(`watershed_${name}`);
    known.set(name, metric);
    return metric;
  };
  return {
    registry,
    counter: (name, help, labelNames = []) =>
      once(name, (fullName) => new Counter({ name: fullName, help, labelNames, registers: [registry] })),
    gauge: (name, help, labelNames = [], collect = undefined) =>
      once(name, (fullName) => {
        const options = { name: fullName, help, labelNames, registers: [registry] };
        if (!collect) return new Gauge(options);
        const gauge: Gauge<(typeof labelNames)[number]> = new Gauge({
          ...options,
          collect: () => orGap(gauge, labelNames.length > 0, collect),
        });
        return gauge;
      }),
    histogram: (name, help, labelNames = [], buckets = durationBuckets) =>
      once(
        name,
        (fullName) => new Histogram({ name: fullName, help, labelNames, buckets: [...buckets], registers: [registry] }),
      ),
  };
}
