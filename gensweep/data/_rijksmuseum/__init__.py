"""The open data services of the Rijksmuseum: requests, responses, and the files on disk."""
