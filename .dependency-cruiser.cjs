/** What may import what. `test/boundaries.spec.ts` plants one violation of each rule and expects it to be refused. */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A circle has no first file to read.',
      severity: 'error',
      from: { pathNot: '/generated/' },
      to: { circular: true, viaOnly: { pathNot: '/generated/' } },
    },
    {
      name: 'apps-never-import-apps',
      comment: 'Services speak over the bus and HTTP, by contracts.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^apps/([^/]+)/', pathNot: '^apps/$1/' },
    },
    {
      name: 'libs-never-import-apps',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(apps|scripts|bench)/' },
    },
    {
      name: 'engines-are-plain',
      comment: 'Engines import neither Nest nor Prisma: they are tested without either.',
      severity: 'error',
      from: { path: '/engine/', pathNot: '\\.(int-)?spec\\.ts$' },
      to: { path: '(@nestjs/|@prisma/|^libs/persistence/|node_modules/(pg|ioredis|bullmq)/)' },
    },
    {
      name: 'contracts-stand-alone',
      comment: 'Contracts import nothing of ours.',
      severity: 'error',
      from: { path: '^libs/contracts/' },
      to: { path: '^(libs|apps|scripts)/', pathNot: '^libs/contracts/' },
    },
    {
      name: 'testing-only-from-tests',
      severity: 'error',
      from: { pathNot: '(\\.(int-|e2e-)?spec\\.ts$|\\.fixture\\.ts$|^libs/testing/|^test/|/testing/)' },
      to: { path: '^libs/testing/' },
    },
    {
      name: 'no-dev-packages-in-the-product',
      severity: 'error',
      from: {
        path: '^(apps|libs)/',
        pathNot: '(\\.(int-|e2e-)?spec\\.ts$|\\.fixture\\.ts$|^libs/testing/|/testing/|/contract/)',
      },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^dist/|/generated/|^bench/peers/)' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['source', 'import', 'node', 'default'] },
  },
};
