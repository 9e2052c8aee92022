"""One port: HTTP and WebSocket, connections and their outboxes."""
