import type { Database } from '#persistence';
import type { Metrics } from '#telemetry';

/** Without a key that works for an operator nobody can steer the cluster. */
export function observeOperators(metrics: Metrics, database: Pick<Database, 'prisma'>): void {
  metrics.gauge(
    'gateway_operator_keys',
    'API keys of operators that are neither revoked nor expired',
    [],
    async (gauge) =>
      gauge.set(
        await database.prisma.gatewayApiKey.count({
          where: {
            revokedAt: null,
            OR: [{ expiresAt: null }, { expiresAt: { gt: new Date() } }],
            person: { role: 'operator', closedAt: null },
          },
        }),
      ),
  );
}
