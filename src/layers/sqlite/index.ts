/** A catalog of threads in one SQLite file. */
export { CatalogDatabase, catalogFile } from "./CatalogDatabase.ts"
export * as SqliteThreadCatalog from "./SqliteThreadCatalog.ts"
