"""What Prometheus is shown of a process, and the port on which it asks. Reads projections and gauges, and decides nothing.

`meters` counts, `readings` are the gauges of one moment, `exposition` writes the text, `admin` serves it, `lag` watches the loop.
"""
