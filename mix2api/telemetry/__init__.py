"""Spans and metrics for OpenTelemetry, by its conventions for generative AI (ADR 66). Needs the extra `otel`.

`inbound` watches requests at the edge, `outbound` calls of the site, `instruments` has the histograms, `names` the words of the
conventions, `exporting` sends all of it to a collector. Everything wraps a port: a process without telemetry has none of it.
"""
