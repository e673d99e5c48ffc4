// Serves dynalite from memory, and says on standard output on which port.
const server = require("dynalite")({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.on("end", () => process.exit(0)).resume(); // ends with the test that started it
