"""Google Cloud: Google's own client libraries against emulators on loopback. Run by `make test-cloud`."""
