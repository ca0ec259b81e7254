"""The composition root: settings are read, objects built and handed down here and nowhere else. One file per command."""
