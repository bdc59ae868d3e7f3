"""Who loads the platform: scripts of requests without a socket, which the locustfile sends."""
