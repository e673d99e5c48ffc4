"""A plugin of pytest for suites that start moto as their server: it does not, as cdc listens in its place."""

import moto.server

for name in ("start", "stop"):
    setattr(moto.server.ThreadedMotoServer, name, lambda _: None)
