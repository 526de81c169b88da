"""The Rijksmuseum's open data services: what is asked, what the answers say, what is kept."""
