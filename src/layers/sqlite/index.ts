/** A catalog of threads in one SQLite file. */
export { CatalogDatabase, catalogFile } from "./CatalogDatabase.ts"
export * as SqliteCheckpoints from "./SqliteCheckpoints.ts"
export * as SqliteThreadCatalog from "./SqliteThreadCatalog.ts"
