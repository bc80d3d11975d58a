/** What this lymph calls itself, to its users and to the mesh. */
export const version = '0.1.0'
