/**
 * Loaded before an example (`node --import`): the package's own name means its sources, as `paths` in tsconfig.json say, so
 * that an example runs on what is in the repository and not on what was built last.
 */
import { registerHooks } from "node:module"

const source = (name: string): string => {
  if (name === "rethread") return "index.ts"
  return name === "rethread/client" ? "rpc/client/index.ts" : `${name.slice("rethread/".length)}/index.ts`
}

registerHooks({
  resolve: (specifier, context, next) =>
    /^rethread(\/|$)/.test(specifier)
      ? next(new URL(`../../src/${source(specifier)}`, import.meta.url).href, context)
      : next(specifier, context)
})
