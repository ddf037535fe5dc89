"""The face of a host: TLS, requests and answers, calls, files, and everything else that goes over HTTP."""
