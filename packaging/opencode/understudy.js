// Adds the understudy servers to OpenCode's configuration; an entry of the same name that the user wrote wins.
const COMMAND = ["uvx", "--from", "understudy[docs]==0.1.0", "understudy", "serve", "all"]

export const Understudy = async () => ({
  config: async (config) => {
    config.mcp = { understudy: { type: "local", command: COMMAND, enabled: true }, ...config.mcp }
  },
})
