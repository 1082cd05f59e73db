"""Small pictures drawn by the server as SVG."""
