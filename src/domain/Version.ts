/** The version of this package, as clients and rollouts are told it. `test/Version.test.ts` holds it equal to package.json's. */
export const VERSION = "0.1.0"
