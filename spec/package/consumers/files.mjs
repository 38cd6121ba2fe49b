import { fileAdapter, fileLocks, fileStore } from 'express-conflict/file'

// As an app has it that opens a connection first.
await null

export const makeAdapter = ({ folder }) => fileAdapter({ folder })
export const makeManager = ({ folder }) => fileLocks({ folder })
export const makeStore = ({ folder }) => fileStore({ folder })
