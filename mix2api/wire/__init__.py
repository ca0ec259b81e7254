"""OpenAI's shapes: typed decoding with msgspec, the error envelope, SSE frames in and out of bytes. No I/O."""
