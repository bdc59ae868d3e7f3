"""The artifacts port: immutable blobs by content hash and the manifest that names the promoted ones."""
