const { fileAdapter, fileLocks, fileStore } = require('express-conflict/file')

exports.makeAdapter = ({ folder }) => fileAdapter({ folder })
exports.makeManager = ({ folder }) => fileLocks({ folder })
exports.makeStore = ({ folder }) => fileStore({ folder })
