"""The one image of every process, and what compose needs beside it."""
