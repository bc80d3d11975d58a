/** How many times longer than usual a test waits before it gives up: LYMPH_TEST_PATIENCE, for processors that are emulated. */
export const patience = Math.max(1, Number(process.env.LYMPH_TEST_PATIENCE) || 1)
